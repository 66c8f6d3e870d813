/* Plans each layer with several planners and keeps the plan that scores best.
 *
 * Problem: no planner is best for every job. Plans for several windows are best where a device has many slots. With two
 * or three slots on a device counts and pairs matter more than windows, and a plan for a forecast can be better by .05.
 * Chained replicas are best with shares, and worst where there are too few spare slots to link all devices.
 * Method: each candidate is scored on the windows that are known (plan_score.c), less a price for its moves. A
 * candidate replaces the best so far only if it is better by a margin, so the order of candidates matters: the one that
 * is most often best comes first. From a current placement the first candidate is that placement, then come those that
 * change few slots. Plans from scratch, with devices renamed so that most experts stay, are made only for layers that
 * some candidate has changed, so never on noise, and only where they can win.
 * Cost: the sum of the candidates; each is scored in O(slots x windows), with shares 16 times that. Layers are planned
 * independently, so a layer's plan does not depend on which others are planned with it. */
#include "core/plan/auto/auto_planner.h"
#include "core/model/placement.h"
#include "core/plan/auto/plan_score.h"
#include "core/plan/common/relabel.h"
#include "core/plan/deepseek/deepseek_planner.h"
#include "core/plan/history/history_planner.h"
#include "core/plan/window/window_planner.h"
#include "core/util/alloc.h"
#include <math.h>

/* Balance that moves of all slots within their nodes must gain; that of one move follows. */
static const double PRICE_OF_ALL = .02;

/* Balance by which a later candidate must be better than an earlier one. The second is for the chain planner's plan
 * where devices have more than FEW_SLOTS: its lead on the windows that follow is larger than on known ones. */
static const double MARGIN = .002, CHAIN_MARGIN = .01;

/* With more slots for each device than this, a plan for one forecast never was the best on recorded loads. */
enum { FEW_SLOTS = 4 };

/* The window planner takes too long for more devices. */
enum { WINDOW_DEVICES = 1024 };

/* A plan from scratch moves at least so many of its slots; with a lower limit of moves none is made. */
static const double LEAST_MOVED = .25;

typedef struct candidate {
  eplb_plan_fn *plan;
  eplb_forecast_t forecast; /* for planners of one window */
  int for_shares;           /* only where shares are used and spare slots link all devices */
  int for_few_slots;
  int most_devices; /* 0: any number */
} candidate_t;

static const candidate_t from_current[] = {{eplb_chain_plan, EPLB_FORECAST_EWMA, 1, 0, 0},
                                           {eplb_history_plan, EPLB_FORECAST_EWMA, 0, 0, 0},
                                           {eplb_window_plan, EPLB_FORECAST_EWMA, 0, 1, WINDOW_DEVICES}};

static const candidate_t from_scratch[] = {{eplb_chain_plan, EPLB_FORECAST_EWMA, 1, 0, 0},
                                           {eplb_history_plan, EPLB_FORECAST_EWMA, 0, 0, 0},
                                           {eplb_window_plan, EPLB_FORECAST_EWMA, 0, 1, WINDOW_DEVICES},
                                           {eplb_deepseek_plan, EPLB_FORECAST_EWMA, 0, 1, 0},
                                           {eplb_deepseek_plan, EPLB_FORECAST_MEAN, 0, 1, 0}};

enum {
  NUM_FROM_CURRENT = sizeof from_current / sizeof *from_current,
  NUM_FROM_SCRATCH = sizeof from_scratch / sizeof *from_scratch
};

typedef struct auto_planner {
  const eplb_plan_request_t *request;
  eplb_placement_t *best; /* the plan so far */
  double *bar;            /* [num_layers]: what a later candidate must be worth more than; -INFINITY: anything */
  uint8_t *skip;          /* [num_layers]: a candidate need not plan the layer */
  eplb_plan_score_t score;
  eplb_relabel_t relabel;
} auto_planner_t;

/* ---- which candidates ---- */

static int has_few_slots(const eplb_topology_t *t) {
  return eplb_topology_num_slots(t) <= FEW_SLOTS * t->num_devices;
}

static int can_win(const candidate_t *c, const eplb_plan_request_t *r) {
  const eplb_topology_t *t = r->topology;
  int slots = eplb_topology_num_slots(t), experts = r->windows->num_experts, devices = t->num_devices;
  if (c->for_shares && (r->options->split != EPLB_PLAN_SPLIT_SHARES || slots - experts < devices))
    return 0;
  if (c->for_few_slots && !has_few_slots(t))
    return 0;
  if (c->plan == eplb_deepseek_plan && !eplb_deepseek_accepts(r->options, t, experts))
    return 0;
  return !c->most_devices || devices <= c->most_devices;
}

/* ---- scores ---- */

static const int32_t *current_row(const auto_planner_t *a, int layer) {
  return a->request->current ? eplb_placement_row(a->request->current, layer) : NULL;
}

/* Returns how many windows have any load. */
static int begin_layer(auto_planner_t *a, int layer) {
  return eplb_plan_score_begin(&a->score, a->request->windows, (size_t)layer * (size_t)a->best->num_experts,
                               current_row(a, layer), a->request->options->node_cost);
}

static double price_of_moves(const auto_planner_t *a) {
  double factor = a->request->options->move_cost > 0 ? a->request->options->move_cost / EPLB_HISTORY_MOVE_COST : 1;
  return factor * PRICE_OF_ALL / a->best->num_slots;
}

/* -INFINITY where there are too many moves. */
static double worth_of(auto_planner_t *a, const int32_t *row) {
  eplb_plan_worth_t worth = eplb_plan_score_of(&a->score, row);
  if (a->request->current && worth.moves > a->request->options->max_moves)
    return -INFINITY;
  return worth.balance - price_of_moves(a) * worth.cost;
}

static double margin_over(const auto_planner_t *a, const candidate_t *c) {
  return c->for_shares && !has_few_slots(a->request->topology) ? CHAIN_MARGIN : MARGIN;
}

/* Takes the candidate's layers that are better than the best so far. `current` is what the candidate started from. */
static eplb_status_t take_better(auto_planner_t *a, const candidate_t *c, const eplb_placement_t *current,
                                 eplb_placement_t *plan) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < plan->num_layers && !status; l++) {
    if (a->skip[l])
      continue;
    int has_load = begin_layer(a, l) > 0;
    if (a->request->current && !current)
      eplb_relabel(&a->relabel, current_row(a, l), eplb_placement_row(plan, l));
    double worth = has_load ? worth_of(a, eplb_placement_row(plan, l)) : 0;
    int is_better = worth > a->bar[l];
    if (is_better || c->for_shares)
      a->bar[l] = fmax(a->bar[l], worth + margin_over(a, c));
    if (!is_better)
      continue;
    memcpy(eplb_placement_row(a->best, l), eplb_placement_row(plan, l),
           (size_t)plan->num_slots * sizeof *plan->physical_to_logical);
    status = eplb_placement_index_layer(a->best, l);
  }
  return status;
}

/* ---- candidates ---- */

static eplb_status_t consider(auto_planner_t *a, const candidate_t *c, const eplb_placement_t *current) {
  eplb_plan_options_t options = *a->request->options;
  options.forecast = c->forecast;
  const eplb_plan_request_t request = {&options, a->request->topology, a->request->windows, current, a->skip};
  eplb_placement_t *plan = NULL;
  for (int l = 0; l < a->best->num_layers; l++)
    a->skip[l] |= a->bar[l] >= 1; /* nothing is balanced better */
  eplb_status_t status =
      current ? eplb_placement_copy(current, &plan)
              : eplb_placement_create(a->best->num_layers, a->best->num_experts, a->best->num_slots, &plan);
  if (!status)
    status = c->plan(&request, plan);
  if (!status)
    status = take_better(a, c, current, plan);
  eplb_placement_destroy(&plan);
  return status;
}

static eplb_status_t consider_all(auto_planner_t *a, const candidate_t *c, int count, const eplb_placement_t *current) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = 0; i < count && !status; i++)
    if (can_win(&c[i], a->request))
      status = consider(a, &c[i], current);
  return status;
}

/* The first candidate: everything stays. */
static void start_from_current(auto_planner_t *a) {
  for (int l = 0; l < a->best->num_layers; l++) {
    a->skip[l] = begin_layer(a, l) == 0;
    a->bar[l] = a->skip[l] ? 0 : worth_of(a, current_row(a, l)) + MARGIN;
  }
}

/* Whether a plan from scratch could be taken for the layer. */
static int is_open(const auto_planner_t *a, int layer) {
  size_t bytes = (size_t)a->best->num_slots * sizeof(int32_t);
  double least = LEAST_MOVED * a->best->num_slots * price_of_moves(a);
  return !a->skip[layer] && memcmp(eplb_placement_row(a->best, layer), current_row(a, layer), bytes) != 0 &&
         a->bar[layer] < 1 - least;
}

static eplb_status_t plan_all_from_current(auto_planner_t *a) {
  start_from_current(a);
  eplb_status_t status = consider_all(a, from_current, NUM_FROM_CURRENT, a->request->current);
  if (status || a->request->options->max_moves < LEAST_MOVED * a->best->num_slots)
    return status;
  for (int l = 0; l < a->best->num_layers; l++)
    a->skip[l] = !is_open(a, l);
  return consider_all(a, from_scratch, NUM_FROM_SCRATCH, NULL);
}

static eplb_status_t plan_anew(auto_planner_t *a) {
  for (int l = 0; l < a->best->num_layers; l++) {
    a->skip[l] = 0;
    a->bar[l] = -INFINITY;
  }
  return consider_all(a, from_scratch, NUM_FROM_SCRATCH, NULL);
}

static eplb_status_t create(const eplb_plan_request_t *request, eplb_placement_t *placement, auto_planner_t *a) {
  *a = (auto_planner_t){.request = request, .best = placement};
  eplb_status_t status =
      eplb_plan_score_create(request->topology, placement->num_experts, request->options->split, &a->score);
  if (!status)
    status = eplb_relabel_create(request->topology, placement->num_experts, &a->relabel);
  a->bar = EPLB_NEW(double, placement->num_layers);
  a->skip = EPLB_NEW(uint8_t, placement->num_layers);
  return !status && (!a->bar || !a->skip) ? EPLB_ERR_MEMORY : status;
}

eplb_status_t eplb_auto_plan(const eplb_plan_request_t *request, eplb_placement_t *placement) {
  auto_planner_t a;
  eplb_status_t status = create(request, placement, &a);
  if (!status)
    status = request->current ? plan_all_from_current(&a) : plan_anew(&a);
  eplb_relabel_free(&a.relabel);
  eplb_plan_score_free(&a.score);
  free(a.skip);
  free(a.bar);
  return status;
}
