/* Measures how even a placement is: mean over largest device time; and the bound that no placement with this many slots
 * can exceed. */
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/loads.h>
#include <math.h>

void eplb_device_loads(const eplb_topology_t *topology, const eplb_placement_t *placement, int layer,
                       const double *load, double *device_load) {
  const int32_t *row = eplb_placement_row(placement, layer), *count = eplb_placement_counts(placement, layer);
  for (int d = 0; d < topology->num_devices; d++) {
    device_load[d] = 0;
    for (int s = topology->slot_begin[d]; s < topology->slot_begin[d + 1]; s++)
      if (row[s] != EPLB_EMPTY)
        device_load[d] += load[row[s]] / count[row[s]];
  }
}

/* As eplb_device_loads, but one device at a time, so that no memory is needed. */
double eplb_balancedness(const eplb_topology_t *topology, const eplb_placement_t *placement, int layer,
                         const double *load) {
  const int32_t *row = eplb_placement_row(placement, layer), *count = eplb_placement_counts(placement, layer);
  double total = 0, speed = 0, slowest = 0;
  for (int d = 0; d < topology->num_devices; d++) {
    double device = 0;
    for (int s = topology->slot_begin[d]; s < topology->slot_begin[d + 1]; s++)
      if (row[s] != EPLB_EMPTY)
        device += load[row[s]] / count[row[s]];
    total += device;
    speed += topology->speed[d];
    slowest = fmax(slowest, device / topology->speed[d]);
  }
  return slowest > 0 ? fmin(total / speed / slowest, 1) : 1;
}

double eplb_balancedness_mean(const eplb_topology_t *topology, const eplb_placement_t *placement, const double *load,
                              double *per_layer) {
  double sum = 0;
  int counted = 0;
  for (int l = 0; l < placement->num_layers; l++) {
    const double *layer = load + (size_t)l * (size_t)placement->num_experts;
    int has_load = !eplb_loads_idle_layers(1, placement->num_experts, layer);
    double b = eplb_balancedness(topology, placement, l, layer);
    if (per_layer)
      per_layer[l] = b;
    sum += has_load ? b : 0;
    counted += has_load;
  }
  return counted ? sum / counted : 1;
}

typedef struct share {
  double each; /* load of one replica */
  double load;
  int replicas;
} share_t;

/* A heap with the largest share on top: moves the one at `at` down to where it belongs. */
static void sift(share_t *heap, int size, int at) {
  share_t moving = heap[at];
  for (int child; (child = 2 * at + 1) < size; at = child) {
    child += child + 1 < size && heap[child + 1].each > heap[child].each;
    if (moving.each >= heap[child].each)
      break;
    heap[at] = heap[child];
  }
  heap[at] = moving;
}

/* The busiest replica when every spare slot goes to the expert whose replicas are the busiest: no other way to give out
 * the slots has a smaller maximum. */
static double busiest_replica(share_t *heap, int num_experts, const double *load, int num_slots) {
  for (int e = 0; e < num_experts; e++)
    heap[e] = (share_t){load[e], load[e], 1};
  for (int i = num_experts / 2 - 1; i >= 0; i--)
    sift(heap, num_experts, i);
  for (int spare = num_slots - num_experts; spare > 0 && heap->each > 0; spare--) {
    heap->each = heap->load / ++heap->replicas;
    sift(heap, num_experts, 0);
  }
  return heap->each;
}

eplb_status_t eplb_balancedness_bound(const eplb_topology_t *topology, int num_experts, const double *load,
                                      double *bound) {
  int num_slots = eplb_topology_num_slots(topology);
  if (num_experts < 1 || num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s in %s; expected at least one expert and a slot for each",
                     eplb_count(num_experts, "expert"), eplb_count(num_slots, "slot"));
  share_t *heap = EPLB_NEW(share_t, num_experts);
  if (!heap)
    return EPLB_ERR_MEMORY;
  double speed = 0, fastest = 0, total = 0;
  for (int d = 0; d < topology->num_devices; d++) {
    speed += topology->speed[d];
    fastest = fmax(fastest, topology->speed[d]);
  }
  for (int e = 0; e < num_experts; e++)
    total += load[e];
  double mean = total / speed, peak = busiest_replica(heap, num_experts, load, num_slots) / fastest;
  free(heap);
  *bound = peak > mean ? mean / peak : 1;
  return EPLB_SUCCESS;
}
