/* From two placements to who sends which expert to whom. */
#ifndef EPLB_TRANSFER_H
#define EPLB_TRANSFER_H

#include <eplb/placement.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The worst link that a transfer crosses. */
typedef enum eplb_link {
  EPLB_LINK_DEVICE, /* within a device: a copy */
  EPLB_LINK_NODE,   /* between two devices of a node */
  EPLB_LINK_NETWORK /* between nodes */
} eplb_link_t;
enum { EPLB_NUM_LINKS = 3 };

/* One expert of one layer into one slot that did not hold it. */
typedef struct eplb_transfer {
  int32_t layer, expert;
  int32_t from_device, from_slot; /* stage 0: a slot that holds the expert before; later: one that receives it */
  int32_t to_device, to_slot;
  int16_t link;  /* an eplb_link_t */
  int16_t stage; /* 0: the source has it already; n: the source gets it by a transfer of stage n - 1 */
  int16_t level; /* the innermost of the topology whose domain both ends share; num_levels within a device; -1: none */
} eplb_transfer_t;

/* A list in the order in which every device must take it: by layer, then stage, then as planned. */
typedef struct eplb_transfers {
  int64_t count, capacity;
  eplb_transfer_t *transfer; /* [count] */
} eplb_transfers_t;

/* What a deriver remembers from layer to layer: how much each device has sent so far, and each domain to others. */
typedef struct eplb_deriver eplb_deriver_t;

/* Prepares derivation between placements of these sizes. Local. The caller owns *deriver; `topology` must outlive it.
 * Every device that makes the same calls in the same order gets the same lists. EPLB_ERR_SHAPE; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_deriver_create(const eplb_topology_t *topology, int num_experts,
                                              eplb_deriver_t **deriver);
EPLB_PUBLIC void eplb_deriver_destroy(eplb_deriver_t **deriver);

/* The transfers that turn one layer's row of physical_to_logical into another, before[num_slots] into after[num_slots],
 * with the topology's slots. Local, no communication; O(slots + experts), and O(levels) for each replica of an expert that moves. `layer` is only noted.
 *
 * A slot whose expert changes gets it from its own device, where that holds it or another slot of it gets it anyway: a
 * copy. Else it comes from within the innermost domain around it that holds the expert, so that an expert enters each
 * domain of every level (rack, node, island, device) at most once. From the device by which it entered it is spread
 * within the domain, by those that have it then, too: stages are more than 0 there, at most 3 for each level.
 *
 * Of those that can send, the one does whose domains, the outermost first, and which itself have sent least so far; the
 * device by which an expert enters is one that has sent little and let little in. So the busiest is near the mean.
 * `expert_bytes` is the weight of these transfers in that (any unit). Where there are many, 16 of them are compared.
 *
 * `transfers` is emptied and filled; it grows as needed and is the caller's: start it at all zero, end it with
 * eplb_transfers_free. EPLB_ERR_SHAPE: an expert number out of range, or an expert of `after` that `before` has
 * nowhere; EPLB_ERR_MEMORY. On failure `transfers` is empty. */
EPLB_PUBLIC eplb_status_t eplb_derive_layer(eplb_deriver_t *deriver, const int32_t *before, const int32_t *after,
                                            int layer, int64_t expert_bytes, eplb_transfers_t *transfers);

/* Frees the list and makes it empty. Local. */
EPLB_PUBLIC void eplb_transfers_free(eplb_transfers_t *transfers);

#ifdef __cplusplus
}
#endif
#endif
