/* What a row of slots would have been worth in the windows that are known, as the job uses it. */
#ifndef EPLB_CORE_PLAN_AUTO_PLAN_SCORE_H
#define EPLB_CORE_PLAN_AUTO_PLAN_SCORE_H

#include "core/plan/history/chain.h"
#include "core/plan/history/history_state.h"
#include <eplb/planner.h>

typedef struct eplb_plan_score {
  eplb_history_state_t state;
  eplb_chain_t chain; /* where shares are used */
  int with_shares;    /* a batch divides experts by its own shares; else equally */
} eplb_plan_score_t;

/* What a row is worth, and what it costs to get there. */
typedef struct eplb_plan_worth {
  double balance; /* balancedness, in the mean over windows by their weights */
  double cost;    /* of its moves from the current row, as move costs say */
  int moves;
} eplb_plan_worth_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_plan_score_create(const eplb_topology_t *topology, int num_experts, eplb_plan_split_t split,
                                     eplb_plan_score_t *score);
void eplb_plan_score_free(eplb_plan_score_t *score);

/* Takes up a layer's windows, which begin at windows->load[k] + offset, and the current row or NULL. Returns how many of
 * the windows have any load. */
int eplb_plan_score_begin(eplb_plan_score_t *score, const eplb_windows_t *windows, size_t offset,
                          const int32_t *current, double node_cost);

/* Scores row[num_slots], in which every expert has a slot. */
eplb_plan_worth_t eplb_plan_score_of(eplb_plan_score_t *score, const int32_t *row);

#endif
