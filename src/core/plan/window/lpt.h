/* Placements of a layer from scratch: how many replicas each expert gets, and a first place for them. */
#ifndef EPLB_CORE_PLAN_WINDOW_LPT_H
#define EPLB_CORE_PLAN_WINDOW_LPT_H

#include "core/plan/window/window_state.h"

typedef struct eplb_lpt_scratch {
  uint64_t *keys, *spare;      /* [num_experts] */
  uint64_t *heap, *other_heap; /* [num_devices] */
  int32_t *filled;             /* [num_devices] */
  int32_t *wanted;             /* [num_experts] */
} eplb_lpt_scratch_t;

/* Counts: one each, every expert above `cut` as many as bring its replica loads there, and what is left to the
 * largest replica loads; no expert more than one for each device that has slots. With cut = infinity, no other counts
 * have a smaller largest replica load. Sets layer->count; returns 0 if there are not enough slots. */
int eplb_lpt_counts(eplb_window_state_t *layer, double cut, eplb_lpt_scratch_t *scratch);

/* Experts by weight / count, descending, as the indices of scratch->keys. */
void eplb_lpt_sort(const eplb_window_state_t *layer, eplb_lpt_scratch_t *scratch);

/* Places as many replicas as layer->count says: experts by replica load descending, an expert's replicas to the
 * lightest devices that have room, never two on one device if that can be avoided; only if it cannot, counts change or
 * slots stay empty. Then indexes. */
void eplb_lpt_slots(eplb_window_state_t *layer, eplb_lpt_scratch_t *scratch);

#endif
