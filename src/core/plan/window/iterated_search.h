/* The search for a layer's placement from scratch. */
#ifndef EPLB_CORE_PLAN_WINDOW_ITERATED_SEARCH_H
#define EPLB_CORE_PLAN_WINDOW_ITERATED_SEARCH_H

#include "core/plan/window/largest_differencing.h"
#include "core/plan/window/lpt.h"
#include "core/plan/window/two_slots.h"

typedef struct eplb_iterated_search_scratch {
  eplb_lpt_scratch_t lpt;
  eplb_largest_differencing_scratch_t differencing;
  eplb_two_slots_scratch_t two_slots;
  int32_t *best, *candidate[2]; /* [num_slots] */
} eplb_iterated_search_scratch_t;

/* Sets layer->bound, below which no placement's busiest device can be: the mean, and the least that the largest replica
 * load can be on the fastest device; and layer->largest_share, that replica load. Returns the bound. Changes
 * layer->count. */
double eplb_iterated_search_bound(eplb_window_state_t *layer, eplb_lpt_scratch_t *scratch);

/* Fills layer->expert as well as layer->work allows; sets the bound. Returns the largest time. */
double eplb_iterated_search(eplb_window_state_t *layer, eplb_iterated_search_scratch_t *scratch);

/* The same, but starts from what layer->expert holds; never worse than that. */
double eplb_iterated_search_on(eplb_window_state_t *layer, eplb_iterated_search_scratch_t *scratch);

#endif
