/* What differs between two placements, as a list that can be sent. */
#ifndef EPLB_CORE_TRANSFER_CHANGED_SLOTS_H
#define EPLB_CORE_TRANSFER_CHANGED_SLOTS_H

#include <eplb/placement.h>
#include <stddef.h>
#include <stdint.h>

/* A list is made of layers that differ, in ascending order: the layer's number, the number n of its changed slots, then
 * n pairs (slot, expert), slots in ascending order; or, where that is shorter, -1 and the whole row. A layer that does
 * not differ takes nothing. */

/* The most numbers that a list between placements of this size can have. */
size_t eplb_changed_slots_room(const eplb_placement_t *placement);

/* Appends what turns a layer of `before` into that of `after`, placements of the same sizes; `list` has room for it.
 * Returns the new length. */
size_t eplb_changed_slots_add(const eplb_placement_t *before, const eplb_placement_t *after, int layer, int32_t *list,
                              size_t length);

/* Turns `placement`, which is as `before` was, into `after`, and indexes the layers that change. EPLB_ERR_FORMAT: the
 * list is not of this form, or a layer that it makes is not valid; the placement is then not to be used. */
eplb_status_t eplb_changed_slots_take(const int32_t *list, size_t length, eplb_placement_t *placement);

#endif
