/* The linked planner: the devices that hold replicas of an expert are linked, and links make rings through all devices,
 * so that load can flow from any device to any other when each batch has its own shares. */
#ifndef EPLB_CORE_PLAN_HISTORY_CHAIN_H
#define EPLB_CORE_PLAN_HISTORY_CHAIN_H

#include "core/plan/history/history_state.h"

/* More rings than these link no better. */
enum { EPLB_LINKED_RINGS = 8 };

typedef struct eplb_chain {
  /* rings, from nothing */
  int num_rings;
  int stride[EPLB_LINKED_RINGS];
  int num_places;  /* of each ring: one for each device with slots */
  int32_t *device; /* [num_places] */
  uint8_t *taken;  /* [EPLB_LINKED_RINGS][num_places]: the link from a place to the next has its expert */

  /* shares, from what is there */
  int32_t *next;                           /* [num_slots]: the next replica of its expert, in a circle */
  int32_t *any;                            /* [num_experts]: scratch */
  eplb_series_t *part;                     /* [num_slots]: of its expert's load; even ones are scenario->piece */
  eplb_series_t *saved_part;               /* [num_slots]: while a change is tried */
  eplb_series_t *saved_shift, *saved_time; /* [num_devices] */
  char *block;                             /* all arrays */
} eplb_chain_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_chain_create(const eplb_topology_t *topology, int num_experts, eplb_chain_t *linked);
void eplb_chain_free(eplb_chain_t *linked);

/* ---- from nothing ---- */

/* Counts, and replicas; all experts with a single one are placed after the others. */
void eplb_chain_count(eplb_history_state_t *scenario);
void eplb_chain_deal(eplb_chain_t *linked, eplb_history_state_t *scenario);

/* ---- from what is there ---- */

/* Parts for the scenario's placement, level as far as they may be. Afterwards times and prices are those with shares. */
void eplb_chain_begin(eplb_chain_t *linked, eplb_history_state_t *scenario);

/* Sweeps that bring load near enough to where it would be after a change. */
enum { EPLB_LINKED_LOOK = 6 };

/* Lets load flow for so many sweeps; _level also brings shifts and prices up to date. */
void eplb_chain_flow(eplb_chain_t *linked, eplb_history_state_t *scenario, int sweeps);
void eplb_chain_level(eplb_chain_t *linked, eplb_history_state_t *scenario, int sweeps);

/* Gives slots of experts with several replicas to others, one by one, the most useful first. Returns how many. */
int eplb_chain_rewire(eplb_chain_t *linked, eplb_history_state_t *scenario);

/* Keeps swaps off experts with replicas: they would cut links. */
void eplb_chain_fix(eplb_history_state_t *scenario);

/* ---- the circle of the replicas of an expert ---- */

/* Puts `other` after `slot`. */
void eplb_chain_join(eplb_chain_t *linked, int slot, int other);

/* Takes a slot out. Returns the one after which it stood; itself where it was alone. */
int eplb_chain_leave(eplb_chain_t *linked, int slot);

/* Takes the parts of a circle out of shifts, as if they were even; makes them even. */
void eplb_chain_withdraw(const eplb_chain_t *linked, eplb_history_state_t *scenario, int slot);
void eplb_chain_divide(eplb_chain_t *linked, const eplb_history_state_t *scenario, int slot);

#endif
