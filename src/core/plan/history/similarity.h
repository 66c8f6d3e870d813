/* How much a window says about the one that follows, by how like the newest it is. */
#ifndef EPLB_CORE_PLAN_HISTORY_SIMILARITY_H
#define EPLB_CORE_PLAN_HISTORY_SIMILARITY_H

#include <eplb/loads.h>

/* The same windows with new weights, for the layer whose loads begin at `offset`: a window that is farther from the
 * newest than two steps from window to window ordinarily lead counts less, as that distance by its own. */
eplb_windows_t eplb_similarity_weigh(const eplb_windows_t *windows, size_t offset, int num_experts);

#endif
