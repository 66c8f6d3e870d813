/* Reorders the experts within each device so that as many as possible keep the slot that they have: then the slots of a
 * device that did not get a new expert need no copy. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <string.h>

/* The same experts in another order: those that are in `before` first take the slot they have there, the others then
 * fill the slots left. `left[num_experts]` is all zero before and after. */
static void keep_on_device(int slots, const int32_t *before, int32_t *after, int32_t *left, int32_t *kept) {
  for (int s = 0; s < slots; s++)
    if (after[s] != EPLB_EMPTY)
      left[after[s]]++;
  for (int s = 0; s < slots; s++) {
    kept[s] = before[s] != EPLB_EMPTY && left[before[s]] > 0 ? before[s] : EPLB_EMPTY;
    if (kept[s] != EPLB_EMPTY)
      left[kept[s]]--;
  }
  int free_slot = 0;
  for (int s = 0; s < slots; s++) {
    if (after[s] == EPLB_EMPTY || left[after[s]] == 0)
      continue;
    left[after[s]]--;
    while (kept[free_slot] != EPLB_EMPTY)
      free_slot++;
    kept[free_slot] = after[s];
  }
  memcpy(after, kept, (size_t)slots * sizeof *after);
}

eplb_status_t eplb_placement_keep_slots(const eplb_topology_t *topology, const eplb_placement_t *before,
                                        eplb_placement_t *placement) {
  int slots = eplb_topology_num_slots(topology);
  if (before->num_layers != placement->num_layers || before->num_experts != placement->num_experts ||
      before->num_slots != placement->num_slots || placement->num_slots != slots)
    return eplb_fail(EPLB_ERR_SHAPE, "placements of %d x %s in %s and %d x %d in %d on %s; expected the same",
                     before->num_layers, eplb_count(before->num_experts, "expert"),
                     eplb_count(before->num_slots, "slot"), placement->num_layers, placement->num_experts,
                     placement->num_slots, eplb_count(slots, "slot"));
  int32_t *left = EPLB_NEW(int32_t, placement->num_experts), *kept = EPLB_NEW(int32_t, slots);
  eplb_status_t status = left && kept ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    for (int d = 0; d < topology->num_devices; d++) {
      int first = topology->slot_begin[d];
      keep_on_device(topology->slot_begin[d + 1] - first, eplb_placement_row(before, l) + first,
                     eplb_placement_row(placement, l) + first, left, kept);
    }
    status = eplb_placement_index_layer(placement, l);
  }
  free(kept);
  free(left);
  return status;
}
