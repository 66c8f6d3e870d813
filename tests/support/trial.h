/* What migration is put through on each kind of memory. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "cargo.h"
#include <stdint.h>

/* Odd sizes that change from layer to layer, fixed and by table, one of no bytes. */
enum { TRIAL_TENSORS = 5 };
extern const cargo_tensor_t trial_tensors[TRIAL_TENSORS];

/* A few layers of few experts, which the planner moves nearly all; chunks end within tensors. */
eplb_session_options_t trial_options(void);

/* All ways to move: both modes; staging that holds a layer, or one expert of the last layer; by MPI, or through shared
 * memory in cells of two sizes; chunks of three. Number `way` of TRIAL_WAYS. */
enum { TRIAL_WAYS = 12 };
eplb_session_options_t trial_way(int way);

/* A number in [0, below), the next of what follows from *state. */
int trial_random(uint64_t *state, int below);

/* A random placement: every expert once, in the slots left over random ones, or none with `empties`. The caller's. */
eplb_placement_t *trial_placement(uint64_t *state, int layers, int experts, int slots, int empties);

/* Rounds of rebalances with checksums on these devices, assigned to `nodes` round robin; every byte is checked after
 * each. Collective. */
void trial_rounds(const eplb_session_options_t *options, int nodes);

/* After a rebalance that something was injected into, on `hits` places of this rank: all ranks have the same status,
 * success only if none was hit; if no map has changed since `maps`, every byte is as it was. Then a rebalance that is
 * left alone goes well. Returns whether any rank was hit. Collective. */
int trial_outcome(cargo_t *cargo, eplb_status_t status, int hits, long long maps);

#endif
