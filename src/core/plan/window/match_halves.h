/* Improving all devices at once: each is cut into two halves, and halves are matched anew, the heaviest with the
 * lightest. Of all ways to match them none has a lower largest time, so that a round never does harm, and often much
 * good where devices have few slots. */
#ifndef EPLB_CORE_PLAN_WINDOW_MATCH_HALVES_H
#define EPLB_CORE_PLAN_WINDOW_MATCH_HALVES_H

#include "core/plan/window/window_state.h"

typedef struct eplb_match_halves_scratch {
  uint64_t *keys, *spare; /* [2 * num_devices] */
  int32_t *expert;        /* [num_slots] */
} eplb_match_halves_scratch_t;

/* Whether devices have equal slots, at least four, and equal speeds. Of three slots, one would be matched with two:
 * that has hardly ever helped. */
int eplb_match_halves_applies(const eplb_window_state_t *layer);

/* One round: chance cuts. Then parts co-located replicas, which may cost some of what was won. */
void eplb_match_halves(eplb_window_state_t *layer, uint64_t *seed, const eplb_match_halves_scratch_t *scratch);

#endif
