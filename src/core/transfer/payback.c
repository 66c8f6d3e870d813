/* Whether a rebalance pays: the time that balance saves against the time that moving takes.
 * Saved: (largest time before - after) of a layer, in the windows until the next rebalance. Cost: the seconds of the
 * device that sends or receives longest, each transfer taking bytes / rate of its link. */
#include "core/model/placement.h"
#include <eplb/payback.h>
#include <math.h>

void eplb_payback_init(eplb_payback_t *payback) {
  *payback = (eplb_payback_t){.size = sizeof *payback, .windows = 1, .bytes_per_second = {1e12, 100e9, 25e9}};
}

static double slowest_device(const eplb_topology_t *t, const eplb_placement_t *p, int layer, const double *load) {
  const int32_t *row = eplb_placement_row(p, layer), *count = eplb_placement_counts(p, layer);
  double slowest = 0;
  for (int d = 0; d < t->num_devices; d++) {
    double sum = 0;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      if (row[s] != EPLB_EMPTY)
        sum += load[row[s]] / count[row[s]];
    slowest = fmax(slowest, sum / t->speed[d]);
  }
  return slowest;
}

double eplb_payback_gain(const eplb_payback_t *payback, const eplb_topology_t *topology, const eplb_placement_t *before,
                         const eplb_placement_t *after, int layer, const double *load) {
  return (slowest_device(topology, before, layer, load) - slowest_device(topology, after, layer, load)) *
         payback->seconds_per_load * payback->windows;
}

double eplb_payback_cost(const eplb_payback_t *payback, const eplb_topology_t *topology,
                         const eplb_transfers_t *transfers, double *device_seconds) {
  double *sending = device_seconds, *receiving = device_seconds + topology->num_devices, longest = 0;
  for (int d = 0; d < 2 * topology->num_devices; d++)
    device_seconds[d] = 0;
  for (int64_t i = 0; i < transfers->count; i++) {
    const eplb_transfer_t *t = &transfers->transfer[i];
    double seconds = payback->expert_bytes / payback->bytes_per_second[t->link];
    sending[t->from_device] += seconds;
    receiving[t->to_device] += seconds;
  }
  for (int d = 0; d < 2 * topology->num_devices; d++)
    longest = fmax(longest, device_seconds[d]);
  return longest;
}
