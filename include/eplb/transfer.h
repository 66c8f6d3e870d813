/* Transfers: which device sends which expert to which device to change a placement, what that costs, and whether it
 * pays. */
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

/* The slowest kind of link that a transfer crosses. */
typedef enum eplb_link {
  EPLB_LINK_DEVICE, /* within a device: a copy */
  EPLB_LINK_NODE,   /* between two devices of a node */
  EPLB_LINK_NETWORK /* between nodes */
} eplb_link_t;
enum { EPLB_NUM_LINKS = 3 };

/* One expert of one layer into one slot that did not hold it. Fixed: an element of arrays. */
typedef struct eplb_transfer {
  int32_t layer, expert;
  int32_t from_device, from_slot; /* stage 0: a slot that holds the expert; later stages: a slot that receives it */
  int32_t to_device, to_slot;
  int16_t link;  /* an eplb_link_t */
  int16_t stage; /* 0: the source holds it before; n: the source gets it by a transfer of stage n - 1 */
  int16_t level; /* the innermost level whose domain both ends share; num_levels: within a device; -1: none */
} eplb_transfer_t;

/* Transfers in the order in which every device must execute them: by layer, then stage, then as planned. Fixed. */
typedef struct eplb_transfers {
  int64_t count, capacity;
  eplb_transfer_t *transfer; /* [count] */
} eplb_transfers_t;

/* Derives transfers layer by layer, and remembers what each device and domain has sent so far. */
typedef struct eplb_deriver eplb_deriver_t;

/* Creates a deriver for placements of these sizes. Local. The caller owns *deriver; `topology` must outlive it. Every
 * rank that makes the same calls in the same order gets the same lists. EPLB_ERR_SHAPE; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_deriver_create(const eplb_topology_t *topology, int num_experts,
                                              eplb_deriver_t **deriver);
EPLB_PUBLIC void eplb_deriver_destroy(eplb_deriver_t **deriver);

/* Derives the transfers that change one layer's row of physical_to_logical from before[num_slots] to after[num_slots].
 * Local, no communication; O(slots + experts), and O(levels) for each replica of an expert that moves. `layer` is only
 * copied into the transfers.
 *
 * A slot gets its new expert by a copy if its device holds the expert or receives it in another slot. Else the expert
 * comes from the innermost domain around the device that holds it, so that it enters each domain of every level (rack,
 * node, island, device) at most once. Within a domain it is spread from the device that received it, and by devices
 * that have it by then: these transfers have stages above 0, at most 3 for each level.
 *
 * The sender is the candidate whose domains, from the outermost to the device itself, have sent least so far. An expert
 * enters a domain through a device that has sent and received little. So the busiest device is near the mean.
 * `expert_bytes` is the weight of these transfers in that count (any unit). At most 16 candidates are compared.
 *
 * `transfers` is emptied and filled, and grows as needed. The caller owns it: it must be all zero before the first
 * call, and must be freed with eplb_transfers_free. EPLB_ERR_SHAPE: an expert number is out of range, or no slot of
 * `before` holds an expert of `after`; EPLB_ERR_MEMORY. On failure `transfers` is empty. */
EPLB_PUBLIC eplb_status_t eplb_derive_layer(eplb_deriver_t *deriver, const int32_t *before, const int32_t *after,
                                            int layer, int64_t expert_bytes, eplb_transfers_t *transfers);

/* Frees the list and empties it. Local. */
EPLB_PUBLIC void eplb_transfers_free(eplb_transfers_t *transfers);

/* ---- What moves cost and what balance saves ---- */

/* The cost of moves and the gain of balance in seconds, for the window planner and for a trigger. Start from
 * eplb_payback_init. */
typedef struct eplb_payback {
  size_t size;             /* sizeof(eplb_payback_t), set by _init */
  double seconds_per_load; /* time of a device of speed 1 for a load of 1, e.g. a token; required */
  double horizon;          /* number of windows for which the new placement will be used; 1 by default */
  double expert_bytes;     /* weights of one expert of the layer, above 0; 0 in a session: the heaviest layer's */
  double bytes_per_second[EPLB_NUM_LINKS]; /* by eplb_link_t, of one device; defaults: 1e12, 100e9, 25e9 */
} eplb_payback_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_payback_init_size(eplb_payback_t *payback, size_t size);
static inline void eplb_payback_init(eplb_payback_t *payback) {
  eplb_payback_init_size(payback, sizeof *payback);
}

/* ---- When to rebalance ---- */

/* The longest reason, with its final zero. */
enum { EPLB_REASON_MAX = 160 };

/* When to rebalance: only if it pays. Start from eplb_trigger_init and set payback. */
typedef struct eplb_trigger {
  size_t size;       /* sizeof(eplb_trigger_t), set by _init */
  int min_windows;   /* least number of windows from one rebalance to the next; >= 1; 1 by default */
  double hysteresis; /* the time saved must exceed this factor times the time of moving; finite, >= 1; 1.5 by default,
                     because past windows predict more than the next one brings */
  const eplb_payback_t *payback; /* the cost of moves and the gain of balance; required */
} eplb_trigger_t;

/* Sets the defaults in a struct of `size` bytes, which an older program may have compiled. Local. */
EPLB_PUBLIC void eplb_trigger_init_size(eplb_trigger_t *trigger, size_t size);
static inline void eplb_trigger_init(eplb_trigger_t *trigger) {
  eplb_trigger_init_size(trigger, sizeof *trigger);
}

/* A planned change of placement. It owns nothing. Start from eplb_placement_change_init. */
typedef struct eplb_placement_change {
  size_t size; /* sizeof(eplb_placement_change_t) */
  const eplb_topology_t *topology;
  const eplb_placement_t *before, *after;
  const eplb_windows_t *windows; /* recent ones */
  int windows_since;             /* windows since the last rebalance; >= 0 */
} eplb_placement_change_t;

/* Sets the size, and all else to 0. */
static inline void eplb_placement_change_init(eplb_placement_change_t *change) {
  memset(change, 0, sizeof *change);
  change->size = sizeof *change;
}

/* What was decided and why. Fixed: a report contains one. */
typedef struct eplb_decision {
  int rebalance;                        /* 1: take the new placement */
  double saved_seconds, cost_seconds;   /* time of experts saved until the next rebalance; time of moving */
  double balance_before, balance_after; /* mean over layers and windows, weighted by the windows' weights */
  char reason[EPLB_REASON_MAX];         /* one line for a log */
} eplb_decision_t;

/* Decides whether to change from `before` to `after`, if trigger->payback->horizon windows like the given ones follow
 * until the next rebalance. The time saved is that of each layer's busiest device; layers run one after the other, and
 * so do their transfers. Local, pure. The caller owns *decision. EPLB_ERR_ARGUMENT; EPLB_ERR_SHAPE: the sizes of
 * placements, windows and topology do not match; EPLB_ERR_LOADS; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_trigger_decide(const eplb_trigger_t *trigger, const eplb_placement_change_t *change,
                                              eplb_decision_t *decision);

#ifdef __cplusplus
}
#endif
#endif
