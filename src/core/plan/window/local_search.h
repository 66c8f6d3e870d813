/* Improving a layer's placement by small changes. */
#ifndef EPLB_CORE_PLAN_WINDOW_LOCAL_SEARCH_H
#define EPLB_CORE_PLAN_WINDOW_LOCAL_SEARCH_H

#include "core/plan/window/window_state.h"

/* Swaps and recounts on the busiest device, the best first, until its time is at most `target`, no change lowers it, or
 * layer->work is used up. Returns the largest time. */
double eplb_local_search(eplb_window_state_t *layer, double target);

/* Quick and rough: the heaviest device with the lightest, the second heaviest with the second lightest and so on do the
 * swap that is best for the two. keys, spare: [num_devices] scratch. */
void eplb_local_search_pairs(eplb_window_state_t *layer, uint64_t *keys, uint64_t *spare);

#endif
