/* Scores placements of a layer on known windows.
 *
 * Loads are those of the history planner: windows that are unlike the newest count less, and all are stretched about
 * their mean, as the next window will differ from them. Newer windows count more than they do while a plan is made: a
 * plan fits all windows that made it, and what it is worth on the newest ones tells best how it will do on the next
 * one. With shares the load of each window flows between replicas, but a replica keeps a part of an equal share: shares
 * that could do anything would make all placements look alike. */
#include "core/plan/auto/plan_score.h"
#include "core/plan/history/similarity.h"
#include <math.h>
#include <string.h>

/* A window counts so much less than the next newer one, beyond its own weight. Measured: .5 and 1 are worse. */
static const double OLDER = .7;

/* The part of an equal share that a replica serves at least. Measured: .01 to .5 hardly differ; .85 is worse. */
static const float LEAST_SERVED = .3f;

eplb_status_t eplb_plan_score_create(const eplb_topology_t *topology, int num_experts, eplb_plan_split_t split,
                                     eplb_plan_score_t *score) {
  *score = (eplb_plan_score_t){.with_shares = split == EPLB_PLAN_SPLIT_SHARES};
  eplb_status_t status = eplb_history_state_create(topology, num_experts, &score->state);
  if (!status && score->with_shares) {
    status = eplb_chain_create(topology, num_experts, &score->chain);
    score->chain.least_served = LEAST_SERVED;
  }
  return status;
}

void eplb_plan_score_free(eplb_plan_score_t *score) {
  eplb_history_state_free(&score->state);
  eplb_chain_free(&score->chain);
}

int eplb_plan_score_begin(eplb_plan_score_t *score, const eplb_windows_t *windows, size_t offset,
                          const int32_t *current, double node_cost) {
  eplb_windows_t weighed = eplb_similarity_weigh(windows, offset, score->state.num_experts);
  double factor = 1;
  for (int k = 0; k < weighed.num_windows; k++, factor *= OLDER)
    weighed.weight[k] *= factor;
  eplb_history_state_set_move_costs(&score->state, current, (float)node_cost);
  return eplb_history_state_set_load(&score->state, &weighed, offset);
}

/* Balancedness of each window, by its weight; times are kept times the eighth root of that. A weight that is too small
 * for a float leaves no times. */
static double mean_balance(const eplb_history_state_t *s) {
  double balance = 0;
  for (int k = 0; k < s->num_windows; k++) {
    double largest = 0, weight = (double)s->weight[k];
    for (int d = 0; d < s->num_devices; d++)
      largest = fmax(largest, (double)eplb_series_at(&s->time[d], k));
    if (largest > 0)
      balance += weight * sqrt(sqrt(sqrt(weight))) / largest;
  }
  return balance;
}

eplb_plan_worth_t eplb_plan_score_of(eplb_plan_score_t *score, const int32_t *row) {
  eplb_history_state_t *s = &score->state;
  memcpy(s->expert, row, (size_t)s->num_slots * sizeof *row);
  eplb_history_state_index(s);
  if (score->with_shares)
    eplb_chain_begin(&score->chain, s);
  eplb_plan_worth_t worth = {.balance = mean_balance(s), .moves = s->moves};
  for (int slot = 0; slot < s->num_slots; slot++)
    worth.cost += (double)eplb_history_state_move_cost(s, s->device_of[slot], s->expert[slot]);
  return worth;
}
