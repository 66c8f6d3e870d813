#include "core/plan/history/history_planner.h"
#include "core/model/placement.h"
#include "core/plan/history/chain.h"
#include "core/plan/history/similarity.h"
#include <limits.h>
#include <string.h>

typedef struct ahead {
  const eplb_plan_options_t *options;
  eplb_history_state_t scenario;
  eplb_chain_t linked;
  int is_linked;
} ahead_t;

static int passes_of(eplb_effort_t effort) {
  static const int passes[] = {2, 1, 8};
  return passes[effort];
}

static void plan_layer(ahead_t *a) {
  eplb_history_state_t *s = &a->scenario;
  s->max_moves = INT_MAX;
  s->fee_price = s->fee_floor = 0;
  eplb_history_state_set_fees(s, NULL, 0);
  if (a->is_linked)
    eplb_chain_count(s);
  else
    eplb_history_state_count(s);
  eplb_history_state_clear(s);
  if (a->is_linked) {
    eplb_chain_deal(&a->linked, s);
    eplb_history_state_index(s); /* counts as they are: a replica for which no device was left is none */
    eplb_chain_fix(s);
  } else {
    eplb_history_construct(s);
    eplb_history_state_index(s);
  }
  for (int pass = 1; pass <= passes_of(a->options->effort); pass++)
    if (!eplb_history_swap_pass(s))
      return;
}

static float move_price(const ahead_t *a) {
  return a->options->move_price > 0 ? (float)a->options->move_price : a->is_linked ? .01f : .003f;
}

/* Slots change hands, then experts change places. */
static void replan_round(ahead_t *a) {
  eplb_history_state_t *s = &a->scenario;
  if (!a->is_linked) {
    eplb_history_replace_pass(s);
    eplb_history_swap_pass(s);
    return;
  }
  eplb_chain_rewire(&a->linked, s);
  eplb_chain_fix(s);
  if (s->moves + 2 <= s->max_moves && eplb_history_swap_pass(s))
    eplb_chain_level(&a->linked, s, EPLB_LINKED_LOOK);
}

/* What a move must gain at first. */
static const float FIRST_PRICE = 10;

/* From a placement that is there the best bargains come first: what a move must gain falls from round to round, down to
 * the price that the user has set, until the budget is spent. The linked planner, which looks for the best change each
 * time, can do with two rounds. */
static void haggle(ahead_t *a) {
  eplb_history_state_t *s = &a->scenario;
  float step = a->is_linked ? 6 : 2;
  s->fee_floor = move_price(a);
  s->fee_price = a->is_linked ? step * s->fee_floor : FIRST_PRICE;
  for (int last = 0; !last && s->moves < s->max_moves; s->fee_price /= step) {
    last = s->fee_price < 1.001f * s->fee_floor;
    s->fee_price = last ? s->fee_floor : s->fee_price;
    replan_round(a);
  }
}

static void replan_layer(ahead_t *a, const int32_t *before) {
  eplb_history_state_t *s = &a->scenario;
  s->max_moves = a->options->max_moves;
  eplb_history_state_set_fees(s, before, (float)a->options->node_cost);
  memcpy(s->expert, before, (size_t)s->num_slots * sizeof *before);
  eplb_history_state_index(s);
  memset(s->fixed, 0, (size_t)s->num_slots);
  if (a->is_linked)
    eplb_chain_begin(&a->linked, s);
  haggle(a);
}

eplb_status_t eplb_history_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int incremental,
                                const eplb_windows_t *windows, eplb_placement_t *placement) {
  ahead_t a = {.options = options, .is_linked = options->planner == EPLB_PLANNER_LINKED};
  int experts = placement->num_experts, slots = placement->num_slots;
  eplb_status_t status = eplb_history_state_create(topology, experts, &a.scenario);
  if (!status)
    status = eplb_chain_create(topology, experts, &a.linked);
  for (int l = 0; l < placement->num_layers && !status; l++) {
    int32_t *row = eplb_placement_row(placement, l);
    size_t offset = (size_t)l * (size_t)experts;
    eplb_windows_t weighed = eplb_similarity_weigh(windows, offset, experts);
    if (eplb_history_state_set_load(&a.scenario, &weighed, offset) > 0) {
      if (incremental)
        replan_layer(&a, row);
      else
        plan_layer(&a);
      memcpy(row, a.scenario.expert, (size_t)slots * sizeof *row);
    } else if (!incremental) {
      for (int s = 0; s < slots; s++)
        row[s] = s % experts;
    }
    status = eplb_placement_index_layer(placement, l);
  }
  eplb_history_state_free(&a.scenario);
  eplb_chain_free(&a.linked);
  return status;
}
