/* Is it worth it: what a change of placement saves, and what it costs to get there. */
#ifndef EPLB_PAYBACK_H
#define EPLB_PAYBACK_H

#include <eplb/loads.h>
#include <eplb/transfer.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a move costs and what balance saves, in seconds: for the window planner, and for a trigger. Start from
 * eplb_payback_init, then set what you know. */
typedef struct eplb_payback {
  size_t size;             /* sizeof(eplb_payback_t), set by _init */
  double seconds_per_load; /* that a device of speed 1 takes for a load of 1, e.g. a token; required */
  double horizon;          /* how many windows like the one planned for the new placement will serve; 1 by default */
  double expert_bytes;     /* weights of one expert of the layer; required, except by a session */
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

/* A change of placement that has been planned; nothing is owned. */
typedef struct eplb_placement_change {
  const eplb_topology_t *topology;
  const eplb_placement_t *before, *after;
  const eplb_windows_t *windows; /* recent ones */
  int windows_since;             /* since the last rebalance */
} eplb_placement_change_t;

/* What was decided and why. */
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
