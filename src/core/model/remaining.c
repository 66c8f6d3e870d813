/* Leaves devices out of a topology, so that a planner plans for the others; and takes placements there and back. */
#include "core/model/remaining.h"
#include "core/model/placement.h"
#include "core/util/alloc.h"

static int slots_of(const eplb_topology_t *t, int device) {
  return t->slot_begin[device + 1] - t->slot_begin[device];
}

eplb_status_t eplb_remaining_topology(const eplb_topology_t *all, const int *leaving, eplb_topology_t **rest) {
  const char *names[EPLB_MAX_LEVELS];
  int devices = 0;
  for (int l = 0; l < all->num_levels; l++)
    names[l] = all->level_name[l];
  for (int d = 0; d < all->num_devices; d++)
    devices += !leaving[d];
  int *domain = EPLB_NEW(int, all->num_levels *devices), *slots = EPLB_NEW(int, devices);
  double *speed = EPLB_NEW(double, devices);
  eplb_status_t status = domain && slots && speed ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int d = 0, kept = 0; d < all->num_devices && !status; d++) {
    if (leaving[d])
      continue;
    for (int l = 0; l < all->num_levels; l++)
      domain[l * devices + kept] = all->domain[l * all->num_devices + d];
    slots[kept] = slots_of(all, d);
    speed[kept++] = all->speed[d];
  }
  if (!status)
    status = eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                 .num_devices = devices,
                                                                 .num_levels = all->num_levels,
                                                                 .level_name = names,
                                                                 .node_level = all->node_level,
                                                                 .domain = domain,
                                                                 .slots = slots,
                                                                 .speed = speed,
                                                                 .declared = all->declared},
                                  rest);
  free(domain);
  free(slots);
  free(speed);
  return status;
}

static int remaining_slots(const eplb_topology_t *all, const int *leaving) {
  int slots = 0;
  for (int d = 0; d < all->num_devices; d++)
    slots += leaving[d] ? 0 : slots_of(all, d);
  return slots;
}

eplb_status_t eplb_remaining_placement(const eplb_topology_t *all, const int *leaving,
                                       const eplb_placement_t *placement, eplb_placement_t **rest) {
  eplb_placement_t *made;
  eplb_status_t status =
      eplb_placement_create(placement->num_layers, placement->num_experts, remaining_slots(all, leaving), &made);
  if (status)
    return status;
  for (int l = 0; l < made->num_layers; l++) {
    const int32_t *from = eplb_placement_row(placement, l);
    int32_t *to = eplb_placement_row(made, l);
    for (int d = 0; d < all->num_devices; d++)
      for (int s = all->slot_begin[d]; s < all->slot_begin[d + 1] && !leaving[d]; s++)
        *to++ = from[s];
  }
  status = eplb_placement_index(made);
  if (status)
    eplb_placement_destroy(&made);
  else
    *rest = made;
  return status;
}

eplb_status_t eplb_remaining_expand_layer(const eplb_topology_t *all, const int *leaving, const eplb_placement_t *rest,
                                          int layer, eplb_placement_t *placement) {
  const int32_t *from = eplb_placement_row(rest, layer);
  int32_t *to = eplb_placement_row(placement, layer);
  for (int d = 0; d < all->num_devices; d++)
    for (int s = all->slot_begin[d]; s < all->slot_begin[d + 1]; s++)
      to[s] = leaving[d] ? EPLB_EMPTY : *from++;
  return eplb_placement_index_layer(placement, layer);
}

int eplb_remaining_hold_all(const eplb_topology_t *all, const int *leaving, const eplb_placement_t *placement) {
  for (int l = 0; l < placement->num_layers; l++)
    for (int d = 0; d < all->num_devices; d++)
      for (int s = all->slot_begin[d]; s < all->slot_begin[d + 1] && leaving[d]; s++)
        if (eplb_placement_row(placement, l)[s] != EPLB_EMPTY)
          return 0;
  return 1;
}
