/* The chain planner: the devices that hold replicas of an expert are linked, and links make long chains through all
 * devices, so that load can flow from any device to any other when each batch has its own shares. */
#ifndef EPLB_CORE_PLAN_HISTORY_CHAIN_H
#define EPLB_CORE_PLAN_HISTORY_CHAIN_H

#include "core/plan/history/history_state.h"

/* The most by which shares may differ from equal ones while a plan is made. The rest of their range is kept for
 * unforeseen loads: with all of it, the known windows would look even with any plan, and the next ones would not be.
 * Measured: .7 to .92 hardly differ; all or nothing is worse. */
#define EPLB_CHAIN_LEAST_SERVED .85f

/* More long chains do not improve the balance. */
enum { EPLB_CHAIN_MAX = 8 };

typedef struct eplb_chain {
  /* long chains, from scratch */
  int num_chains;
  int stride[EPLB_CHAIN_MAX];
  int num_places;  /* of each long chain: one for each device with slots */
  int32_t *device; /* [num_places] */
  uint8_t *taken;  /* [EPLB_CHAIN_MAX][num_places]: the link from a place to the next has its expert */

  /* shares, from the current placement */
  int32_t *next;                           /* [num_slots]: the next replica of its expert, in a circle */
  int32_t *any;                            /* [num_experts]: scratch */
  eplb_series_t *served_load;              /* [num_slots]: of its expert's load; even ones are state->replica_load */
  eplb_series_t *saved_served_load;        /* [num_slots]: while a change is tried */
  eplb_series_t *saved_shift, *saved_time; /* [num_devices] */
  float least_served;                      /* a replica serves at least this part of an equal share */
  char *block;                             /* all arrays */
} eplb_chain_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_chain_create(const eplb_topology_t *topology, int num_experts, eplb_chain_t *chain);
void eplb_chain_free(eplb_chain_t *chain);

/* ---- from scratch ---- */

/* Chooses replica counts, and places the replicas; experts with one replica are placed last. */
void eplb_chain_count(eplb_history_state_t *state);
void eplb_chain_construct(eplb_chain_t *chain, eplb_history_state_t *state);

/* ---- from the current placement ---- */

/* Computes the load that each slot of the state's placement serves, as even as the limit of shares allows. Afterwards
 * times and prices are those with shares. */
void eplb_chain_begin(eplb_chain_t *chain, eplb_history_state_t *state);

/* Sweeps after which loads are close enough to their values after a change. */
enum { EPLB_CHAIN_TRIAL_SWEEPS = 6 };

/* Lets load flow for this many sweeps; _level also updates shifts and prices. */
void eplb_chain_flow(eplb_chain_t *chain, eplb_history_state_t *state, int sweeps);
void eplb_chain_level(eplb_chain_t *chain, eplb_history_state_t *state, int sweeps);

/* Gives slots of experts with several replicas to other experts, the change with the largest gain first. Returns the
 * number of changes. */
int eplb_chain_rewire(eplb_chain_t *chain, eplb_history_state_t *state);

/* Keeps swaps off experts with replicas: they would cut links. */
void eplb_chain_fix(eplb_history_state_t *state);

/* ---- the circle of the replicas of an expert ---- */

/* Puts `other` after `slot`. */
void eplb_chain_join(eplb_chain_t *chain, int slot, int other);

/* Removes a slot. Returns the slot before it; itself if it was alone. */
int eplb_chain_leave(eplb_chain_t *chain, int slot);

/* _withdraw subtracts the circle's served loads from the shifts, as if they were equal; _divide makes them equal. */
void eplb_chain_withdraw(const eplb_chain_t *chain, eplb_history_state_t *state, int slot);
void eplb_chain_divide(eplb_chain_t *chain, const eplb_history_state_t *state, int slot);

#endif
