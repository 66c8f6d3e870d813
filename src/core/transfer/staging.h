/* One layer's change of placement cut into steps, for devices that can stage only a few experts at a time. */
#ifndef EPLB_CORE_TRANSFER_STAGING_H
#define EPLB_CORE_TRANSFER_STAGING_H

#include <eplb/topology.h>
#include <stdint.h>

/* A layer's change that is to be cut, and its result; rows of physical_to_logical. */
typedef struct eplb_staging_steps {
  int num_experts, capacity;
  const int32_t *before; /* [num_slots] */
  int32_t *after;        /* [num_slots]: may be permuted */
  int32_t *step;         /* [num_slots]: the result */
} eplb_staging_steps_t;

/* Gives each slot that changes from before[num_slots] to after[num_slots] (rows of physical_to_logical) the step in
 * which it takes its new expert, in step[num_slots], from 0; -1 for a slot that does not change. In *num_steps, how
 * many there are; 0 where nothing changes. Local, deterministic: every device gets the same steps.
 *
 * In each step a device changes at most `capacity` slots, those not counted that were EPLB_EMPTY (they take theirs in
 * step 0 and need no staging) or become so (in the last step). After each step every expert that both rows have is held
 * by some slot. So each step's transfers are those of eplb_derive_layer from the row before it to the row after it,
 * which eplb_staging_steps_apply makes.
 *
 * To close cycles of slots that wait for each other, `after` may be permuted, only within a device; `after` is not
 * changed if `capacity` lets all slots change at once. The number of steps is about what the device with most changes
 * needs.
 *
 * capacity >= 1. EPLB_ERR_ARGUMENT; EPLB_ERR_SHAPE: an expert number out of range; EPLB_ERR_MEMORY. On failure `after`
 * is unchanged. */
eplb_status_t eplb_staging_steps_cut(const eplb_topology_t *topology, const eplb_staging_steps_t *steps,
                                     int *num_steps);

/* Applies step `which` to row[num_slots], the row before this step. Local. */
void eplb_staging_steps_apply(int num_slots, const int32_t *after, const int32_t *step, int which, int32_t *row);
#endif
