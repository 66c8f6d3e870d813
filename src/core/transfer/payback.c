/* Whether a rebalance pays: the time that balance saves against the time that moving takes.
 * Saved: (largest time before - after) of a layer, in the windows until the next rebalance. Cost: the seconds of the
 * device that sends or receives longest, each transfer taking bytes / rate of its link. */
#include "core/transfer/payback.h"
#include "core/model/placement.h"
#include <math.h>

#define PLACE(member) offsetof(eplb_payback_t, member)

static const eplb_option_t rows[] = {
    {"payback", "seconds_per_load", "S", "seconds of a GPU for one token of one expert", EPLB_OPTION_REAL,
     PLACE(seconds_per_load), 0, 1e30, EPLB_OPTION_ABOVE_LEAST, 0, NULL, ~0u, 1},
    {"payback", "horizon", "WINDOWS", "number of windows for which the new placement will be used", EPLB_OPTION_REAL,
     PLACE(horizon), 0, 1e30, EPLB_OPTION_ABOVE_LEAST, 1, NULL, ~0u, 1},
    {"payback", "expert_bytes", "BYTES", "weights of one expert of one layer", EPLB_OPTION_REAL, PLACE(expert_bytes), 0,
     1e30, 0, 0, NULL, ~0u, 1},
    {"payback", "device_bandwidth", "RATE", "bandwidth of copies within a GPU, in bytes per second", EPLB_OPTION_REAL,
     PLACE(bytes_per_second[EPLB_LINK_DEVICE]), 1e-30, 1e30, 0, 1e12, NULL, ~0u, 1},
    {"payback", "node_bandwidth", "RATE", "bandwidth of a GPU within a node, in bytes per second", EPLB_OPTION_REAL,
     PLACE(bytes_per_second[EPLB_LINK_NODE]), 1e-30, 1e30, 0, 100e9, NULL, ~0u, 1},
    {"payback", "network_bandwidth", "RATE", "bandwidth of a GPU between nodes, in bytes per second", EPLB_OPTION_REAL,
     PLACE(bytes_per_second[EPLB_LINK_NETWORK]), 1e-30, 1e30, 0, 25e9, NULL, ~0u, 1},
};

const eplb_option_table_t eplb_payback_table = {"payback options", "eplb_payback_init", sizeof(eplb_payback_t),
                                                sizeof rows / sizeof *rows, rows};

void eplb_payback_init_size(eplb_payback_t *payback, size_t size) {
  eplb_option_table_init(&eplb_payback_table, payback, size);
}

eplb_status_t eplb_payback_take(const eplb_payback_t *given, eplb_payback_t *payback) {
  eplb_payback_init(payback);
  eplb_status_t status = eplb_option_table_take(&eplb_payback_table, given, payback);
  if (!status)
    status = eplb_option_table_check(&eplb_payback_table, payback);
  return status;
}

eplb_status_t eplb_payback_take_whole(const eplb_payback_t *given, eplb_payback_t *payback) {
  eplb_status_t status = eplb_payback_take(given, payback);
  if (!status && !(payback->expert_bytes > 0))
    status = eplb_fail(EPLB_ERR_ARGUMENT, "expert_bytes of the payback is 0; expected the bytes of one expert, without "
                                          "which moves cost nothing");
  return status;
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
         payback->seconds_per_load * payback->horizon;
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
