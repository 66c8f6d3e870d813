/* Devices of two slots each: for given counts it is best to put the largest replica load with the smallest, the second
 * largest with the second smallest and so on. So only counts need to be searched. */
#ifndef EPLB_CORE_PLAN_WINDOW_TWO_SLOTS_H
#define EPLB_CORE_PLAN_WINDOW_TWO_SLOTS_H

#include "core/plan/window/lpt.h"

typedef struct eplb_pair_item {
  float replica_load;
  int32_t expert;
} eplb_pair_item_t;

typedef struct eplb_two_slots_scratch {
  eplb_pair_item_t *item, *trial; /* [num_slots + 1] */
} eplb_two_slots_scratch_t;

/* Whether all devices have two slots and the same speed. */
int eplb_two_slots_apply(const eplb_window_state_t *layer);

/* Improves layer->count, of which the sum is num_slots: chance takes a replica from one expert and gives it to another;
 * what does not raise the heaviest pair is kept. Ends after `tries`, or when the heaviest pair is at `target`. Returns
 * the heaviest pair. */
double eplb_two_slots_search(eplb_window_state_t *layer, double target, int tries, eplb_lpt_scratch_t *lpt,
                             eplb_two_slots_scratch_t *scratch);

#endif
