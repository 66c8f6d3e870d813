/* What migration is put through on each kind of memory. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "cargo.h"

/* Odd sizes that change from layer to layer, fixed and by table, one of no bytes. */
enum { TRIAL_TENSORS = 5 };
extern const cargo_tensor_t trial_tensors[TRIAL_TENSORS];

/* A few layers of few experts, which the planner moves nearly all; chunks end within tensors. */
eplb_session_options_t trial_options(void);

/* Rounds of rebalances with checksums on these devices, dealt out to `nodes`; every byte is checked after each. Collective. */
void trial_rounds(const eplb_session_options_t *options, int nodes);

/* After a rebalance that something was injected into, on `hits` places of this rank: all ranks have the same status, success only if
 * none was hit; if no map has changed since `maps`, every byte is as it was. Then a rebalance that is left alone goes well. Returns
 * whether any rank was hit. Collective. */
int trial_outcome(cargo_t *cargo, eplb_status_t status, int hits, long long maps);

#endif
