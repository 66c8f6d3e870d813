/* The plan that scores best: never invalid, never worse than what is there or than its candidates. */
#include "core/model/placement.h"
#include "core/plan/auto/plan_score.h"
#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 2, MAX_EXPERTS = 120 };

/* As auto's own: what a later candidate must be better by; than chain where devices have more than four slots. */
static const double MARGIN = .002, CHAIN_MARGIN = .01, FINE = 1e-5;

typedef struct job {
  eplb_topology_t *topology;
  eplb_plan_options_t options;
  eplb_windows_t windows;
  eplb_placement_t *before;
  int experts;
  double load[EPLB_HISTORY_MAX][LAYERS * MAX_EXPERTS];
} job_t;

static job_t *job_make(rng_t *rng) {
  job_t *job = calloc(1, sizeof *job);
  CU_ASSERT_PTR_NOT_NULL_FATAL(job);
  job->topology = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(job->topology);
  job->experts = rng_between(rng, 1, slots < MAX_EXPERTS ? slots : MAX_EXPERTS);
  job->before = random_placement(rng, LAYERS, job->experts, slots, rng_between(rng, 0, 1) ? 20 : 0);
  eplb_windows_init(&job->windows);
  job->windows.num_windows = rng_between(rng, 1, 6);
  job->windows.num_layers = LAYERS;
  job->windows.num_experts = job->experts;
  for (int k = 0; k < job->windows.num_windows; k++) {
    random_loads(rng, (size_t)(LAYERS * job->experts), job->load[k]);
    job->windows.load[k] = job->load[k];
    job->windows.weight[k] = 1. / (1 + k);
  }
  eplb_plan_options_init(&job->options);
  job->options.effort = EPLB_EFFORT_FAST;
  job->options.split = rng_between(rng, 0, 1) ? EPLB_PLAN_SPLIT_SHARES : EPLB_PLAN_SPLIT_EVEN;
  return job;
}

static void job_end(job_t *job) {
  eplb_placement_destroy(&job->before);
  eplb_topology_destroy(&job->topology);
  free(job);
}

static eplb_placement_t *plan_with(const job_t *job, const eplb_plan_options_t *options,
                                   const eplb_placement_t *before) {
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_plan(options, job->topology, &job->windows, before, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_validate(p), EPLB_SUCCESS);
  return p;
}

/* What both placements of a layer are worth, and the moves from `before` to the second; returns 0 without any load. */
static int compare(const job_t *job, int layer, const eplb_placement_t *before, const eplb_placement_t *after,
                   eplb_plan_worth_t worth[2]) {
  eplb_plan_score_t score;
  CU_ASSERT_EQUAL_FATAL(eplb_plan_score_create(job->topology, job->experts, job->options.split, &score), EPLB_SUCCESS);
  int windows = eplb_plan_score_begin(&score, &job->windows, (size_t)layer * (size_t)job->experts,
                                      eplb_placement_row(before, layer), 4);
  if (windows > 0) {
    worth[0] = eplb_plan_score_of(&score, eplb_placement_row(before, layer));
    worth[1] = eplb_plan_score_of(&score, eplb_placement_row(after, layer));
  }
  eplb_plan_score_free(&score);
  return windows > 0;
}

static void check_from_current(rng_t *rng) {
  job_t *job = job_make(rng);
  job->options.max_moves = rng_between(rng, 0, 2 * SHAPE_MAX_DEVICES);
  eplb_placement_t *linear = NULL, *start = job->before;
  CU_ASSERT_EQUAL_FATAL(
      eplb_placement_create_linear(LAYERS, job->experts, eplb_topology_num_slots(job->topology), &linear),
      EPLB_SUCCESS);
  if (rng_between(rng, 0, 1))
    start = linear;
  eplb_placement_t *p = plan_with(job, &job->options, start), *again = plan_with(job, &job->options, start);
  CU_ASSERT(same_placement(p, again));
  for (int l = 0; l < LAYERS; l++) {
    eplb_plan_worth_t worth[2];
    size_t bytes = (size_t)p->num_slots * sizeof(int32_t);
    int stays = !memcmp(eplb_placement_row(start, l), eplb_placement_row(p, l), bytes);
    if (!compare(job, l, start, p, worth)) {
      CU_ASSERT(stays);
      continue;
    }
    CU_ASSERT_EQUAL(worth[0].moves, 0);
    CU_ASSERT(worth[1].moves <= job->options.max_moves);
    CU_ASSERT(stays || worth[1].balance > worth[0].balance + MARGIN - FINE);
  }
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&again);
  eplb_placement_destroy(&linear);
  job_end(job);
}

static void moves_stay_in_their_limit_and_improve_what_is_there(void) {
  shapes_try(200, 171, check_from_current);
}

/* With shares a plan is the chain planner's, or is better by the margin. */
static void check_chain(const job_t *job, double margin, const eplb_placement_t *p) {
  if (job->options.split != EPLB_PLAN_SPLIT_SHARES || p->num_slots - job->experts < job->topology->num_devices)
    return;
  eplb_plan_options_t o = job->options;
  o.planner = EPLB_PLANNER_CHAIN;
  o.policy = EPLB_POLICY_GLOBAL;
  eplb_placement_t *chain = plan_with(job, &o, NULL);
  for (int l = 0; l < LAYERS; l++) {
    eplb_plan_worth_t worth[2];
    size_t bytes = (size_t)p->num_slots * sizeof(int32_t);
    if (memcmp(eplb_placement_row(chain, l), eplb_placement_row(p, l), bytes) && compare(job, l, chain, p, worth))
      CU_ASSERT(worth[1].balance > worth[0].balance + margin - FINE);
  }
  eplb_placement_destroy(&chain);
}

static void check_candidates(rng_t *rng) {
  job_t *job = job_make(rng);
  eplb_placement_t *p = plan_with(job, &job->options, NULL);
  static const eplb_planner_t candidates[] = {EPLB_PLANNER_HISTORY, EPLB_PLANNER_WINDOW};
  int few = p->num_slots <= 4 * job->topology->num_devices;
  double margin = few || job->options.split == EPLB_PLAN_SPLIT_EVEN ? MARGIN : CHAIN_MARGIN;
  check_chain(job, margin, p);
  for (int i = 0; i < 1 + few; i++) {
    eplb_plan_options_t o = job->options;
    o.planner = candidates[i];
    o.policy = EPLB_POLICY_GLOBAL;
    o.split = EPLB_PLAN_SPLIT_EVEN;
    eplb_placement_t *other = plan_with(job, &o, NULL);
    for (int l = 0; l < LAYERS; l++) {
      eplb_plan_worth_t worth[2];
      if (compare(job, l, other, p, worth))
        CU_ASSERT(worth[1].balance > worth[0].balance - margin - FINE);
    }
    eplb_placement_destroy(&other);
  }
  eplb_placement_destroy(&p);
  job_end(job);
}

static void no_candidate_scores_better(void) {
  shapes_try(150, 172, check_candidates);
}

/* A layer's plan is the same whatever other layers are planned with it. */
static void check_layers(rng_t *rng) {
  job_t *job = job_make(rng);
  eplb_placement_t *both = plan_with(job, &job->options, job->before), *one = NULL, *before = NULL;
  eplb_windows_t second = job->windows;
  second.num_layers = 1;
  for (int k = 0; k < second.num_windows; k++)
    second.load[k] += job->experts;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, job->experts, both->num_slots, &before), EPLB_SUCCESS);
  size_t bytes = (size_t)both->num_slots * sizeof(int32_t);
  memcpy(eplb_placement_row(before, 0), eplb_placement_row(job->before, 1), bytes);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index_layer(before, 0), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_plan(&job->options, job->topology, &second, before, &one), EPLB_SUCCESS);
  CU_ASSERT(!memcmp(eplb_placement_row(one, 0), eplb_placement_row(both, 1), bytes));
  eplb_placement_destroy(&one);
  eplb_placement_destroy(&before);
  eplb_placement_destroy(&both);
  job_end(job);
}

static void layers_are_planned_each_for_itself(void) {
  shapes_try(100, 173, check_layers);
}

/* Two slots for each device and loads that stay: a plan for a forecast pairs experts better than one for windows. */
static void few_slots_are_paired_as_well_as_by_the_window_planner(void) {
  static const double load[] = {1, 2, 3, 4, 4, 3, 2, 1};
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  eplb_plan_options_t o;
  eplb_plan_options_init(&o);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 3, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(2, 4, load), NULL, &p), EPLB_SUCCESS);
  for (int l = 0; l < 2; l++)
    CU_ASSERT_DOUBLE_EQUAL(eplb_balancedness(t, p, l, load + 4 * l), 1, 1e-9);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

/* Windows whose weight is less than a float can be: they count for nothing, and the plan is valid. */
static void check_tiny_weights(rng_t *rng) {
  job_t *job = job_make(rng);
  for (int k = 1; k < job->windows.num_windows; k++)
    job->windows.weight[k] = 1e-300;
  eplb_placement_t *p = plan_with(job, &job->options, NULL), *after = plan_with(job, &job->options, job->before);
  for (int l = 0; l < LAYERS; l++) {
    eplb_plan_worth_t worth[2];
    if (compare(job, l, p, after, worth))
      CU_ASSERT(worth[0].balance > 0 && worth[0].balance <= 1 + FINE);
  }
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&after);
  job_end(job);
}

static void weights_may_be_tiny(void) {
  shapes_try(50, 174, check_tiny_weights);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"moves stay in their limit and improve what is there", moves_stay_in_their_limit_and_improve_what_is_there},
      {"no candidate scores better", no_candidate_scores_better},
      {"layers are planned each for itself", layers_are_planned_each_for_itself},
      {"few slots are paired as well as by the window planner", few_slots_are_paired_as_well_as_by_the_window_planner},
      {"weights may be tiny", weights_may_be_tiny},
      {NULL, NULL}};
  return tap_run("auto_planner", tests);
}
