/* Plans layers for several windows at once.
 *
 * Problem: a placement is used on the window that follows, which is not known. What is balanced on one window only is
 * not balanced on the next (measured on recorded loads: .76 to .82 where the window itself has .99).
 * Method: a scenario approach. Each of up to 16 recent windows is a scenario with a probability (similarity.c); a
 * device's price is sum_k p_k time_k^8, and the sum of prices is lowered: it is smooth, convex, and near to the
 * largest time of any likely window. From scratch: counts, then one replica after the other to the device that gets
 * dearer least (construct.c), then swap passes (swap.c). From a placement that is there: replace passes (replace.c)
 * and swap passes whose changes must gain more than a threshold for each move; the threshold falls from round to
 * round, so that the best changes are made first and a limit of moves is spent on them.
 * A placement that nobody has planned yet, as a job starts with, is not worth keeping: such a layer is planned from
 * scratch at its first change, and devices are named so that most experts stay. Changing it step by step instead ends
 * up to .05 lower and stays there (measured on recorded loads, every window planned for the next).
 * For jobs that set shares from each batch's own counts, replicas are chained through all devices instead (chain.c). */
#include "core/plan/history/history_planner.h"
#include "core/model/placement.h"
#include "core/plan/common/relabel.h"
#include "core/plan/history/chain.h"
#include "core/plan/history/similarity.h"
#include "core/util/alloc.h"
#include <limits.h>
#include <string.h>

typedef struct history_planner {
  const eplb_plan_options_t *options;
  eplb_history_state_t state;
  eplb_chain_t chain;
  eplb_relabel_t relabel;
  int32_t *incremental; /* [num_slots]: scratch */
  int is_chain;
} history_planner_t;

static int passes_of(eplb_effort_t effort) {
  static const int passes[] = {2, 1, 8};
  return passes[effort];
}

static void plan_layer(history_planner_t *a) {
  eplb_history_state_t *s = &a->state;
  s->max_moves = INT_MAX;
  s->threshold = s->final_threshold = 0;
  eplb_history_state_set_move_costs(s, NULL, 0);
  if (a->is_chain)
    eplb_chain_count(s);
  else
    eplb_history_state_count(s);
  eplb_history_state_clear(s);
  if (a->is_chain) {
    eplb_chain_construct(&a->chain, s);
    eplb_history_state_index(s); /* actual counts: replicas without a device are dropped */
    eplb_chain_fix(s);
  } else {
    eplb_history_construct(s);
    eplb_history_state_index(s);
  }
  for (int pass = 1; pass <= passes_of(a->options->effort); pass++)
    if (!eplb_history_swap_pass(s))
      return;
}

static float move_cost(const history_planner_t *a) {
  return a->options->move_cost > 0 ? (float)a->options->move_cost
         : a->is_chain             ? EPLB_CHAIN_MOVE_COST
                                   : EPLB_HISTORY_MOVE_COST;
}

/* One pass: replaces experts of slots, then swaps slots. */
static void replan_round(history_planner_t *a) {
  eplb_history_state_t *s = &a->state;
  if (!a->is_chain) {
    eplb_history_replace_pass(s);
    eplb_history_swap_pass(s);
    return;
  }
  eplb_chain_rewire(&a->chain, s);
  eplb_chain_fix(s);
  if (s->moves + 2 <= s->max_moves && eplb_history_swap_pass(s))
    eplb_chain_level(&a->chain, s, EPLB_CHAIN_TRIAL_SWEEPS);
}

/* What a move must gain at first, and by what this falls from round to round, by effort. The chain planner, which looks
 * for the best change each time, can do with two rounds; with little effort it makes one. */
static const float FIRST_THRESHOLD = 10, FIRST_CHAIN_THRESHOLD = 6; /* the latter in move costs */
static const float history_steps[] = {2, 4, 1.41f}, chain_steps[] = {6, 6, 2.45f};

static float first_threshold(const history_planner_t *a) {
  if (!a->is_chain)
    return FIRST_THRESHOLD;
  return move_cost(a) * (a->options->effort == EPLB_EFFORT_FAST ? 1 : FIRST_CHAIN_THRESHOLD);
}

/* From a current placement the best candidates come first: the gain that a move must have falls from round to round,
 * down to options->move_cost, until max_moves are made. */
static void lower_threshold(history_planner_t *a) {
  eplb_history_state_t *s = &a->state;
  float step = a->is_chain ? chain_steps[a->options->effort] : history_steps[a->options->effort];
  s->final_threshold = move_cost(a);
  s->threshold = first_threshold(a);
  for (int last = 0; !last && s->moves < s->max_moves; s->threshold /= step) {
    last = s->threshold <= 1.001f * s->final_threshold; /* both may be 0: a float has no smaller move cost */
    s->threshold = last ? s->final_threshold : s->threshold;
    replan_round(a);
  }
}

static void replan_layer(history_planner_t *a, const int32_t *before) {
  eplb_history_state_t *s = &a->state;
  s->max_moves = a->options->max_moves;
  eplb_history_state_set_move_costs(s, before, (float)a->options->node_cost);
  memcpy(s->expert, before, (size_t)s->num_slots * sizeof *before);
  eplb_history_state_index(s);
  memset(s->fixed, 0, (size_t)s->num_slots);
  if (a->is_chain)
    eplb_chain_begin(&a->chain, s);
  else
    eplb_history_test_devices(s); /* with shares, devices are even: only changes are tested */
  lower_threshold(a);
}

/* Whether the layer still has the placement of eplb_placement_create_linear. */
static int is_linear(const int32_t *row, int num_slots, int num_experts) {
  for (int slot = 0; slot < num_slots; slot++)
    if (row[slot] != slot % num_experts)
      return 0;
  return 1;
}

/* Plans from scratch where a change from `before` has been found worth making, and keeps that if it is within
 * max_moves; else the state holds the changed layer again. Swaps must gain more than noise here, too: measured, that is
 * .001 to .002 better on the window that follows. */
static void plan_first(history_planner_t *a, const int32_t *before) {
  eplb_history_state_t *s = &a->state;
  size_t bytes = (size_t)s->num_slots * sizeof *before;
  if (!memcmp(s->expert, before, bytes))
    return;
  memcpy(a->incremental, s->expert, bytes);
  plan_layer(a);
  eplb_relabel(&a->relabel, before, s->expert);
  eplb_history_state_set_move_costs(s, before, (float)a->options->node_cost);
  eplb_history_state_index(s);
  if (s->moves > a->options->max_moves)
    memcpy(s->expert, a->incremental, bytes);
}

static eplb_status_t plan_layers(history_planner_t *a, const eplb_plan_request_t *request,
                                 eplb_placement_t *placement) {
  int experts = placement->num_experts, slots = placement->num_slots;
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    if (request->skip && request->skip[l])
      continue;
    int32_t *row = eplb_placement_row(placement, l);
    size_t offset = (size_t)l * (size_t)experts;
    eplb_windows_t weighed = eplb_similarity_weigh(request->windows, offset, experts);
    if (eplb_history_state_set_load(&a->state, &weighed, offset) > 0) {
      if (request->current) {
        eplb_history_state_set_noise(&a->state, a->options->tokens_per_load, &weighed, offset);
        replan_layer(a, row);
        if (is_linear(row, slots, experts))
          plan_first(a, row);
      } else {
        plan_layer(a);
      }
      memcpy(row, a->state.expert, (size_t)slots * sizeof *row);
    } else if (!request->current) {
      for (int s = 0; s < slots; s++)
        row[s] = s % experts;
    }
    status = eplb_placement_index_layer(placement, l);
  }
  return status;
}

static eplb_status_t plan(const eplb_plan_request_t *request, int is_chain, eplb_placement_t *placement) {
  history_planner_t a = {.options = request->options, .is_chain = is_chain};
  eplb_status_t status = eplb_history_state_create(request->topology, placement->num_experts, &a.state);
  if (!status)
    status = eplb_chain_create(request->topology, placement->num_experts, &a.chain);
  if (!status)
    status = eplb_relabel_create(request->topology, placement->num_experts, &a.relabel);
  if (!status && !(a.incremental = EPLB_NEW(int32_t, placement->num_slots)))
    status = EPLB_ERR_MEMORY;
  if (!status)
    status = plan_layers(&a, request, placement);
  free(a.incremental);
  eplb_relabel_free(&a.relabel);
  eplb_history_state_free(&a.state);
  eplb_chain_free(&a.chain);
  return status;
}

eplb_status_t eplb_history_plan(const eplb_plan_request_t *request, eplb_placement_t *placement) {
  return plan(request, 0, placement);
}

eplb_status_t eplb_chain_plan(const eplb_plan_request_t *request, eplb_placement_t *placement) {
  return plan(request, 1, placement);
}
