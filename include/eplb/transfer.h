/* From two placements to who sends which expert to whom, what that costs, and whether it pays. */
#ifndef EPLB_TRANSFER_H
#define EPLB_TRANSFER_H

#include <eplb/loads.h>
#include <eplb/placement.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* One expert of one layer into one slot that did not hold it. Fixed: an element of arrays. */
typedef struct eplb_transfer {
  int32_t layer, expert;
  int32_t from_device, from_slot; /* stage 0: a slot that holds the expert before; later: one that receives it */
  int32_t to_device, to_slot;
  int16_t link;  /* an eplb_link_t */
  int16_t stage; /* 0: the source has it already; n: the source gets it by a transfer of stage n - 1 */
  int16_t level; /* the innermost of the topology whose domain both ends share; num_levels within a device; -1: none */
} eplb_transfer_t;

/* A list in the order in which every device must take it: by layer, then stage, then as planned. Fixed. */
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

/* ---- What moves cost and what balance saves ---- */

/* What a move costs and what balance saves, in seconds: for the window planner, and for a trigger. Start from
 * eplb_payback_init, then set what you know. */
typedef struct eplb_payback {
  size_t size;             /* sizeof(eplb_payback_t), set by _init */
  double seconds_per_load; /* that a device of speed 1 takes for a load of 1, e.g. a token; required */
  double horizon;          /* how many windows like the one planned for the new placement will serve; 1 by default */
  double expert_bytes;     /* weights of one expert of the layer, above 0; in a session 0 is the heaviest layer's */
  double bytes_per_second
      [EPLB_NUM_LINKS]; /* of one device, by eplb_link_t: 1e12 within it, 100e9 within a node, 25e9 across */
} eplb_payback_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_payback_init_size(eplb_payback_t *payback, size_t size);
static inline void eplb_payback_init(eplb_payback_t *payback) {
  eplb_payback_init_size(payback, sizeof *payback);
}

/* ---- When to rebalance ---- */

/* The longest reason, with its final zero. */
enum { EPLB_REASON_MAX = 160 };

/* When a rebalance pays. Start from eplb_trigger_init, set payback, then change what you want. */
typedef struct eplb_trigger {
  size_t size;     /* sizeof(eplb_trigger_t), set by _init */
  int min_windows; /* from one rebalance to the next; >= 1; 1 by default */
  double
      hysteresis; /* what is saved must be more than so many times what moving takes; finite, >= 1; 1.5 by default, as
                        windows that have been promise more than the next one keeps */
  const eplb_payback_t *payback; /* what moves cost and balance saves; required */
} eplb_trigger_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_trigger_init_size(eplb_trigger_t *trigger, size_t size);
static inline void eplb_trigger_init(eplb_trigger_t *trigger) {
  eplb_trigger_init_size(trigger, sizeof *trigger);
}

/* A change of placement that has been planned; nothing is owned. Start from eplb_placement_change_init. */
typedef struct eplb_placement_change {
  size_t size; /* sizeof(eplb_placement_change_t) */
  const eplb_topology_t *topology;
  const eplb_placement_t *before, *after;
  const eplb_windows_t *windows; /* recent ones */
  int windows_since;             /* since the last rebalance; >= 0 */
} eplb_placement_change_t;

/* Sets the size, and all else to 0. */
static inline void eplb_placement_change_init(eplb_placement_change_t *change) {
  memset(change, 0, sizeof *change);
  change->size = sizeof *change;
}

/* What was decided and why. Fixed: a report contains one. */
typedef struct eplb_decision {
  int rebalance;                        /* 1: take the new placement */
  double saved_seconds, cost_seconds;   /* of experts' time until the next rebalance; of moving */
  double balance_before, balance_after; /* mean over layers and windows, these by their weights */
  char reason[EPLB_REASON_MAX];         /* one line for a log */
} eplb_decision_t;

/* Whether to go from `before` to `after`, for windows like those given: trigger->payback->horizon of them are to come
 * until the next rebalance. Local, pure. What is saved is the time of each layer's busiest device; layers follow one
 * another, and so do their transfers. *decision, the caller's.
 * EPLB_ERR_ARGUMENT; EPLB_ERR_SHAPE: placements, windows and topology do not go together; EPLB_ERR_LOADS;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_trigger_decide(const eplb_trigger_t *trigger, const eplb_placement_change_t *change,
                                              eplb_decision_t *decision);

#ifdef __cplusplus
}
#endif
#endif
