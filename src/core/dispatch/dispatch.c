/* The shares of an expert's replicas for one batch. Starts from equal shares; then load flows between replicas of the
 * same expert until the devices' times are nearly equal (flow.c): at most 64 sweeps, each O(slots of the layer). */
#include "core/dispatch/dispatch.h"
#include "core/util/alloc.h"
#include "core/util/count.h"

/* A flow of less than this part of the mean time is not worth another sweep. */
static const double FINE = 1e-4;

enum { MAX_SWEEPS = 64 };

eplb_status_t eplb_dispatch_check(const eplb_dispatch_t *dispatch, int layer) {
  int layers = dispatch ? dispatch->placement->num_layers : 0;
  if (layer < 0 || layer >= layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer %d of %d; expected a dispatch and one of its layers", layer, layers);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_dispatch_update(eplb_dispatch_t *d, int layer) {
  eplb_status_t status = eplb_dispatch_check(d, layer);
  if (status)
    return status;
  eplb_flows_find(d->placement->num_experts, eplb_dispatch_begin(d, layer), eplb_dispatch_slots(d, layer), d->device_of,
                  &d->flows[layer]);
  return EPLB_SUCCESS;
}

static eplb_status_t create_arrays(eplb_dispatch_t *d) {
  const eplb_topology_t *t = d->topology;
  d->flows = EPLB_NEW(eplb_flows_t, d->placement->num_layers);
  d->inverse_speed = EPLB_NEW(double, t->num_devices);
  d->time = EPLB_NEW(double, t->num_devices);
  d->part = EPLB_NEW(double, d->placement->num_slots);
  d->device_of = EPLB_NEW(int32_t, d->placement->num_slots);
  if (!d->flows || !d->inverse_speed || !d->time || !d->part || !d->device_of)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < t->num_devices; i++) {
    d->inverse_speed[i] = 1 / t->speed[i];
    for (int slot = t->slot_begin[i]; slot < t->slot_begin[i + 1]; slot++)
      d->device_of[slot] = i;
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_dispatch_create(const eplb_topology_t *topology, const eplb_placement_t *placement,
                                   eplb_dispatch_t **dispatch) {
  if (!topology || !placement)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", topology ? "placement" : "topology");
  if (placement->num_slots != eplb_topology_num_slots(topology))
    return eplb_fail(EPLB_ERR_SHAPE, "a placement of %s for a topology of %d; expected the same",
                     eplb_count(placement->num_slots, "slot"), eplb_topology_num_slots(topology));
  eplb_dispatch_t *d = EPLB_NEW(eplb_dispatch_t, 1);
  if (!d)
    return EPLB_ERR_MEMORY;
  d->topology = topology;
  d->placement = placement;
  eplb_status_t status = create_arrays(d);
  for (int l = 0; l < placement->num_layers && !status; l++) {
    status = eplb_flows_reserve(placement->num_experts, placement->num_slots, &d->flows[l]);
    if (!status)
      eplb_dispatch_update(d, l);
  }
  if (status)
    eplb_dispatch_destroy(&d);
  else
    *dispatch = d;
  return status;
}

void eplb_dispatch_destroy(eplb_dispatch_t **dispatch) {
  if (!dispatch || !*dispatch)
    return;
  eplb_dispatch_t *d = *dispatch;
  for (int l = 0; d->flows && l < d->placement->num_layers; l++)
    free(d->flows[l].flow);
  free(d->flows);
  free(d->inverse_speed);
  free(d->time);
  free(d->part);
  free(d->device_of);
  free(d);
  *dispatch = NULL;
}

/* Equal parts, in tokens, and the times that they make. Returns the mean time, weighted by speed. */
static double start_even(eplb_dispatch_t *d, int layer, const int64_t *count) {
  const int32_t *begin = eplb_dispatch_begin(d, layer), *slot = eplb_dispatch_slots(d, layer);
  double total = 0, speed = 0;
  for (int i = 0; i < d->topology->num_devices; i++) {
    d->time[i] = 0;
    speed += d->topology->speed[i];
  }
  for (int e = 0; e < d->placement->num_experts; e++)
    for (int32_t k = begin[e]; k < begin[e + 1]; k++) {
      int device = d->device_of[slot[k]];
      d->part[k] = (double)count[e] / (begin[e + 1] - begin[e]);
      d->time[device] += d->part[k] * d->inverse_speed[device];
      total += d->part[k];
    }
  return total / speed;
}

eplb_status_t eplb_dispatch_shares(eplb_dispatch_t *d, int layer, const int64_t *count, float *share) {
  eplb_status_t status = eplb_dispatch_check(d, layer);
  if (status)
    return status;
  if (!count || !share)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", count ? "share" : "count");
  for (int e = 0; e < d->placement->num_experts; e++)
    if (count[e] < 0)
      return eplb_fail(EPLB_ERR_LOADS, "expert %d has %s; expected 0 or more", e, eplb_count(count[e], "token"));
  double mean = start_even(d, layer, count);
  eplb_flows_level(&d->flows[layer], d->inverse_speed, FINE * mean, MAX_SWEEPS, d->part, d->time);
  const int32_t *begin = eplb_dispatch_begin(d, layer);
  for (int e = 0; e < d->placement->num_experts; e++)
    for (int32_t k = begin[e]; k < begin[e + 1]; k++)
      share[k] = (float)(count[e] > 0 ? d->part[k] / (double)count[e] : 1. / (begin[e + 1] - begin[e]));
  return EPLB_SUCCESS;
}
