/* Weights of windows by their similarity to the newest one. */
#ifndef EPLB_CORE_PLAN_HISTORY_SIMILARITY_H
#define EPLB_CORE_PLAN_HISTORY_SIMILARITY_H

#include <eplb/loads.h>

/* The same windows with new weights, for the layer whose loads begin at `offset`: a window whose distance from the
 * newest exceeds twice the usual distance of consecutive windows has a lower weight, by the ratio of both distances. */
eplb_windows_t eplb_similarity_weigh(const eplb_windows_t *windows, size_t offset, int num_experts);

#endif
