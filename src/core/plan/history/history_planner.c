#include "core/plan/history/history_planner.h"
#include "core/plan/history/similarity.h"
#include "core/plan/history/chain.h"
#include "core/model/placement.h"
#include <limits.h>
#include <string.h>

typedef struct ahead {
  const eplb_plan_options_t *options;
  eplb_scenario_t scenario;
  eplb_linked_t linked;
  int is_linked;
} ahead_t;

static int passes_of(eplb_effort_t effort) {
  static const int passes[] = {2, 1, 8};
  return passes[effort];
}

static void plan_layer(ahead_t *a) {
  eplb_scenario_t *s = &a->scenario;
  s->max_moves = INT_MAX;
  s->fee_price = s->fee_floor = 0;
  eplb_scenario_set_fees(s, NULL, 0);
  if (a->is_linked)
    eplb_linked_count(s);
  else
    eplb_scenario_count(s);
  eplb_scenario_clear(s);
  if (a->is_linked) {
    eplb_linked_deal(&a->linked, s);
    eplb_scenario_index(s); /* counts as they are: a replica for which no device was left is none */
    eplb_linked_fix(s);
  } else {
    eplb_scenario_deal(s);
    eplb_scenario_index(s);
  }
  for (int pass = 1; pass <= passes_of(a->options->effort); pass++)
    if (!eplb_scenario_swap_pass(s))
      return;
}

static float move_price(const ahead_t *a) {
  return a->options->move_price > 0 ? (float)a->options->move_price : a->is_linked ? .01f : .003f;
}

/* Slots change hands, then experts change places. */
static void replan_round(ahead_t *a) {
  eplb_scenario_t *s = &a->scenario;
  if (!a->is_linked) {
    eplb_scenario_recount_pass(s);
    eplb_scenario_swap_pass(s);
    return;
  }
  eplb_linked_relink(&a->linked, s);
  eplb_linked_fix(s);
  if (s->moves + 2 <= s->max_moves && eplb_scenario_swap_pass(s))
    eplb_linked_level(&a->linked, s, EPLB_LINKED_LOOK);
}

/* What a move must gain at first. */
static const float FIRST_PRICE = 10;

/* From a placement that is there the best bargains come first: what a move must gain falls from round to round, down to
 * the price that the user has set, until the budget is spent. The linked planner, which looks for the best change each
 * time, can do with two rounds. */
static void haggle(ahead_t *a) {
  eplb_scenario_t *s = &a->scenario;
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
  eplb_scenario_t *s = &a->scenario;
  s->max_moves = a->options->max_moves;
  eplb_scenario_set_fees(s, before, (float)a->options->node_cost);
  memcpy(s->expert, before, (size_t)s->num_slots * sizeof *before);
  eplb_scenario_index(s);
  memset(s->fixed, 0, (size_t)s->num_slots);
  if (a->is_linked)
    eplb_linked_begin(&a->linked, s);
  haggle(a);
}

eplb_status_t eplb_ahead_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int incremental,
                              const eplb_windows_t *windows, eplb_placement_t *placement) {
  ahead_t a = {.options = options, .is_linked = options->planner == EPLB_PLANNER_LINKED};
  int experts = placement->num_experts, slots = placement->num_slots;
  eplb_status_t status = eplb_scenario_create(topology, experts, &a.scenario);
  if (!status)
    status = eplb_linked_create(topology, experts, &a.linked);
  for (int l = 0; l < placement->num_layers && !status; l++) {
    int32_t *row = eplb_placement_row(placement, l);
    size_t offset = (size_t)l * (size_t)experts;
    eplb_windows_t weighed = eplb_likeness_weigh(windows, offset, experts);
    if (eplb_scenario_set_load(&a.scenario, &weighed, offset) > 0) {
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
  eplb_scenario_free(&a.scenario);
  eplb_linked_free(&a.linked);
  return status;
}
