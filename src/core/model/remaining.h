/* The devices that remain where others are left out, and placements from all devices to these and back. */
#ifndef EPLB_CORE_MODEL_REMAINING_H
#define EPLB_CORE_MODEL_REMAINING_H

#include <eplb/placement.h>

/* Pure; leaving[num_devices] is 0 for the devices that remain, in their order. At least one must, with a slot. What is
 * made is the caller's. EPLB_ERR_MEMORY. */
eplb_status_t eplb_remaining_topology(const eplb_topology_t *all, const int *leaving, eplb_topology_t **rest);

/* The slots of the remaining devices. */
eplb_status_t eplb_remaining_placement(const eplb_topology_t *all, const int *leaving,
                                       const eplb_placement_t *placement, eplb_placement_t **rest);

/* The way back of one layer, into a placement on all devices: the slots of those that leave become empty. */
eplb_status_t eplb_remaining_expand_layer(const eplb_topology_t *all, const int *leaving, const eplb_placement_t *rest,
                                          int layer, eplb_placement_t *placement);

/* Whether all slots of the devices that leave are empty. */
int eplb_remaining_hold_all(const eplb_topology_t *all, const int *leaving, const eplb_placement_t *placement);

#endif
