/* A placement goes on with other devices: some were lost, some are new. */
#ifndef EPLB_CARRY_H
#define EPLB_CARRY_H

#include <eplb/placement.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An expert that no device brought along, and the slot that it now has. */
typedef struct eplb_lost {
  int32_t layer, expert, slot;
} eplb_lost_t;

/* Carries `before`, on the devices of `old_topology`, over to those of `new_topology`.
 * old_device[new_topology->num_devices] says which of the old devices each of the new ones was, or -1: a newcomer,
 * whose slots are empty. A device keeps its experts in its slots; where it has fewer slots now, those of its last ones
 * go.
 *
 * Experts that are then nowhere get a slot each: an empty one, or else one of the expert with most replicas; in turn
 * from device to device. (*lost)[*num_lost] lists them, by layer and expert: the caller must load their weights, from a
 * checkpoint, into those slots. Then *after can be the `initial` of a new session, e.g. on what MPIX_Comm_shrink has
 * left.
 *
 * Local, pure. The caller owns *after, and *lost, which eplb_lost_free ends. EPLB_ERR_ARGUMENT: an old device that is
 * not there, or is named twice; EPLB_ERR_SHAPE: `before` has not the old topology's slots, or there are fewer slots
 * than experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_carry(const eplb_topology_t *old_topology, const eplb_placement_t *before,
                                               const eplb_topology_t *new_topology, const int *old_device,
                                               eplb_placement_t **after, eplb_lost_t **lost, int *num_lost);

/* For devices that retire but live: *after is `before` with all slots of the devices d with drained[d] empty, on the same
 * topology. Experts that only those devices held get a slot elsewhere, as lost ones do above; but they are not lost: the
 * drained devices hold them until the change is done, so eplb_derive_layer takes them as sources. Once it is,
 * eplb_placement_carry goes on without those devices and loses nothing.
 *
 * Local, pure. drained[num_devices]; the caller owns *after. EPLB_ERR_SHAPE: `before` has not the topology's slots, or the
 * other devices have fewer slots than there are experts; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_placement_drain(const eplb_topology_t *topology, const eplb_placement_t *before,
                                               const int *drained, eplb_placement_t **after);

/* Frees *lost and sets it NULL. Local. */
EPLB_PUBLIC void eplb_lost_free(eplb_lost_t **lost);

#ifdef __cplusplus
}
#endif
#endif
