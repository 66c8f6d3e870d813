/* Planning for the next window: the history and the chain planner. */
#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/dispatch.h>
#include <eplb/planner.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 2, MAX_EXPERTS = 200 };

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
  job->windows.num_windows = rng_between(rng, 1, EPLB_HISTORY_MAX);
  job->windows.num_layers = LAYERS;
  job->windows.num_experts = job->experts;
  for (int k = 0; k < job->windows.num_windows; k++) {
    random_loads(rng, (size_t)(LAYERS * job->experts), job->load[k]);
    job->windows.load[k] = job->load[k];
    job->windows.weight[k] = 1. / (1 + k);
  }
  eplb_plan_options_init(&job->options);
  job->options.planner = rng_between(rng, 0, 1) ? EPLB_PLANNER_HISTORY : EPLB_PLANNER_CHAIN;
  return job;
}

static void job_end(job_t *job) {
  eplb_placement_destroy(&job->before);
  eplb_topology_destroy(&job->topology);
  free(job);
}

/* From nothing where `before` is NULL. */
static eplb_placement_t *job_plan(const job_t *job, const eplb_placement_t *before) {
  eplb_placement_t *p = NULL;
  eplb_status_t status = eplb_plan(&job->options, job->topology, &job->windows, before, &p);
  CU_ASSERT_EQUAL_FATAL(status, EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_validate(p), EPLB_SUCCESS);
  return p;
}

static int has_load(const job_t *job, int layer) {
  for (int k = 0; k < job->windows.num_windows; k++)
    for (int e = 0; e < job->experts; e++)
      if (job->load[k][layer * job->experts + e] > 0)
        return 1;
  return 0;
}

static int32_t *row_of(const eplb_placement_t *p, int layer) {
  return p->physical_to_logical + layer * p->num_slots;
}

/* Replicas that share a device with another of their expert. */
static int count_colocated(const eplb_topology_t *t, const int32_t *row) {
  int colocated = 0;
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      for (int o = t->slot_begin[d]; o < s; o++)
        colocated += row[s] != EPLB_EMPTY && row[s] == row[o];
  return colocated;
}

static int count_moves(const eplb_topology_t *t, const int32_t *before, const int32_t *after) {
  int moves = 0;
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++) {
      int held = after[s] == EPLB_EMPTY;
      for (int o = t->slot_begin[d]; o < t->slot_begin[d + 1]; o++)
        held |= before[o] == after[s];
      moves += !held;
    }
  return moves;
}

static void check_fresh(rng_t *rng) {
  job_t *job = job_make(rng);
  eplb_placement_t *p = job_plan(job, NULL), *again = job_plan(job, NULL);
  CU_ASSERT(same_placement(p, again));
  for (int l = 0; l < LAYERS; l++)
    CU_ASSERT(!has_load(job, l) || count_colocated(job->topology, row_of(p, l)) == 0);
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&again);
  job_end(job);
}

static void plans_of_any_shape_are_sound(void) {
  shapes_try(200, 71, check_fresh);
}

static void check_budget(rng_t *rng) {
  job_t *job = job_make(rng);
  job->options.max_moves = rng_between(rng, 0, 12);
  eplb_placement_t *p = job_plan(job, job->before), *again = job_plan(job, job->before);
  CU_ASSERT(same_placement(p, again));
  for (int l = 0; l < LAYERS; l++) {
    int moves = count_moves(job->topology, row_of(job->before, l), row_of(p, l));
    CU_ASSERT(moves <= (has_load(job, l) ? job->options.max_moves : 0));
    CU_ASSERT(count_colocated(job->topology, row_of(p, l)) <= count_colocated(job->topology, row_of(job->before, l)));
  }
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&again);
  job_end(job);
}

static void what_is_there_changes_within_the_budget(void) {
  shapes_try(200, 72, check_budget);
}

/* Totals do not matter, nor do windows without load, nor what other layers have. */
static void check_indifferent(rng_t *rng) {
  job_t *job = job_make(rng);
  job->windows.num_windows = job->windows.num_windows > 8 ? 8 : job->windows.num_windows;
  eplb_placement_t *p = job_plan(job, NULL);
  static const double zero[LAYERS * MAX_EXPERTS];
  int n = job->windows.num_windows;
  for (int k = 0; k < n; k++)
    for (int i = 0; i < LAYERS * job->experts; i++)
      job->load[k][i] *= k % 2 ? 8 : .25;
  job->windows.load[n] = zero;
  job->windows.weight[n] = 1;
  job->windows.num_windows++;
  eplb_placement_t *scaled = job_plan(job, NULL);
  CU_ASSERT(same_placement(p, scaled));
  for (int k = 0; k < n; k++)
    for (int e = 0; e < job->experts; e++)
      job->load[k][e] = e;
  eplb_placement_t *other = job_plan(job, NULL);
  CU_ASSERT_EQUAL(memcmp(row_of(p, 1), row_of(other, 1), (size_t)p->num_slots * sizeof(int32_t)), 0);
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&scaled);
  eplb_placement_destroy(&other);
  job_end(job);
}

static void totals_empty_windows_and_other_layers_do_not_matter(void) {
  shapes_try(100, 73, check_indifferent);
}

/* ---- the window that follows ---- */

enum { GPUS = 16, EXPERTS = 64, SLOTS = 80, DOMAINS = 3, LENGTH = 24 };

/* Windows that are mixtures of a few domains, in weights that go to and fro. */
static void make_traffic(rng_t *rng, double load[LENGTH][EXPERTS]) {
  double profile[DOMAINS][EXPERTS];
  for (int i = 0; i < DOMAINS * EXPERTS; i++) {
    double x = rng_unit(rng);
    profile[i / EXPERTS][i % EXPERTS] = .2 + 6 * x * x * x;
  }
  for (int w = 0; w < LENGTH; w++)
    for (int e = 0; e < EXPERTS; e++) {
      load[w][e] = 0;
      for (int d = 0; d < DOMAINS; d++) {
        double phase = fabs(fmod(w / 10. + d / (double)DOMAINS, 1) - .5) * 2;
        load[w][e] += 1000 * profile[d][e] * phase;
      }
    }
}

/* With shares made from the window itself, or an equal split. */
static double balance_on(const eplb_topology_t *t, const eplb_placement_t *p, const double *load, int with_shares) {
  eplb_dispatch_t *d = NULL;
  int64_t count[EXPERTS];
  float share[SLOTS];
  double time[GPUS] = {0}, total = 0, largest = 0;
  if (!with_shares)
    return eplb_balancedness(t, p, 0, load);
  for (int e = 0; e < EXPERTS; e++)
    count[e] = (int64_t)load[e];
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(t, p, &d), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_shares(d, 0, count, share), EPLB_SUCCESS);
  for (int e = 0; e < EXPERTS; e++)
    for (int32_t k = p->replica_begin[e]; k < p->replica_begin[e + 1]; k++)
      time[eplb_topology_device_of_slot(t, p->replica_slot[k])] += (double)count[e] * (double)share[k];
  for (int g = 0; g < GPUS; g++) {
    total += time[g];
    largest = fmax(largest, time[g]);
  }
  eplb_dispatch_destroy(&d);
  return total / GPUS / largest;
}

/* Mean over the windows from the fourth on, each with a plan from those before. */
static double go_through(double load[LENGTH][EXPERTS], eplb_planner_t planner, int max_moves, int with_shares) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  eplb_history_t *h = NULL;
  eplb_plan_options_t o;
  double sum = 0;
  eplb_plan_options_init(&o);
  o.planner = planner;
  o.max_moves = max_moves;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, GPUS, SLOTS / GPUS, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(1, EXPERTS, EPLB_HISTORY_MAX, EPLB_HISTORY_DECAY, &h), EPLB_SUCCESS);
  for (int w = 0; w + 1 < LENGTH; w++) {
    eplb_windows_t windows = {.size = sizeof windows};
    eplb_placement_t *after = NULL;
    CU_ASSERT_EQUAL_FATAL(eplb_history_add(h, load[w]), EPLB_SUCCESS);
    if (w < 3)
      continue;
    CU_ASSERT_EQUAL_FATAL(eplb_history_windows(h, &windows), EPLB_SUCCESS);
    eplb_status_t status = eplb_plan(&o, t, &windows, p, &after);
    CU_ASSERT_EQUAL_FATAL(status, EPLB_SUCCESS);
    eplb_placement_destroy(&p);
    p = after;
    sum += balance_on(t, p, load[w + 1], with_shares) / (LENGTH - 4);
  }
  eplb_history_destroy(&h);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
  return sum;
}

/* Over several recordings: one may favour either of two planners that are near each other. */
static void the_next_window_is_better_balanced(void) {
  enum { TRIES = 6 };
  double single = 0, scenario = 0, few_moves = 0, shares = 0, unlinked = 0;
  rng_t rng = {74};
  for (int i = 0; i < TRIES; i++) {
    double load[LENGTH][EXPERTS];
    make_traffic(&rng, load);
    single += go_through(load, EPLB_PLANNER_WINDOW, SLOTS, 0) / TRIES;
    scenario += go_through(load, EPLB_PLANNER_HISTORY, SLOTS, 0) / TRIES;
    few_moves += go_through(load, EPLB_PLANNER_HISTORY, 4, 0) / TRIES;
    shares += go_through(load, EPLB_PLANNER_CHAIN, SLOTS, 1) / TRIES;
    unlinked += go_through(load, EPLB_PLANNER_HISTORY, SLOTS, 1) / TRIES;
  }
  CU_ASSERT(scenario > single + .02);
  CU_ASSERT(few_moves > single);
  CU_ASSERT(shares > scenario + .01);
  CU_ASSERT(shares > unlinked);
}

/* One domain, then another. */
static void few_moves_follow_a_jump(void) {
  rng_t rng = {78};
  double load[LENGTH][EXPERTS], profile[2][EXPERTS];
  for (int i = 0; i < 2 * EXPERTS; i++)
    profile[i / EXPERTS][i % EXPERTS] = pow(rng_unit(&rng), 4);
  for (int i = 0; i < LENGTH * EXPERTS; i++)
    load[i / EXPERTS][i % EXPERTS] = 1e4 * profile[i >= LENGTH / 2 * EXPERTS][i % EXPERTS] * (1 + rng_unit(&rng) / 4);
  double none = go_through(load, EPLB_PLANNER_CHAIN, 0, 1), few = go_through(load, EPLB_PLANNER_CHAIN, 4, 1);
  double all = go_through(load, EPLB_PLANNER_CHAIN, SLOTS, 1);
  CU_ASSERT(few > none + .15);
  CU_ASSERT(few > all - .03);
}

/* ---- links ---- */

static int root_of(const int *parent, int d) {
  while (parent[d] != d)
    d = parent[d];
  return d;
}

/* One spare slot for each device is enough to link them all. */
/* A row with each device's slots sorted, and equal devices in the order of what they hold: the same for placements that
 * differ in the names of slots and devices only. */
enum { EVEN_DEVICES = 8, EVEN_SLOTS = 6 };

static int compare_experts(const void *a, const void *b) {
  return *(const int32_t *)a - *(const int32_t *)b;
}

static int compare_devices(const void *a, const void *b) {
  for (int i = 0; i < EVEN_SLOTS; i++) {
    int differ = compare_experts((const int32_t *)a + i, (const int32_t *)b + i);
    if (differ)
      return differ;
  }
  return 0;
}

static void rename_row(const int32_t *row, int32_t *renamed) {
  memcpy(renamed, row, EVEN_DEVICES * EVEN_SLOTS * sizeof *row);
  for (int d = 0; d < EVEN_DEVICES; d++)
    qsort(renamed + d * EVEN_SLOTS, EVEN_SLOTS, sizeof *row, compare_experts);
  qsort(renamed, EVEN_DEVICES, EVEN_SLOTS * sizeof *row, compare_devices);
}

/* Returns how many layers were planned from scratch; those that have nothing worth changing stay. */
static int check_first_plan(rng_t *rng, eplb_planner_t planner, int max_moves) {
  enum { NUM_SLOTS = EVEN_DEVICES * EVEN_SLOTS, NUM_EXPERTS = 40 };
  job_t *job = job_make(rng);
  eplb_topology_destroy(&job->topology);
  eplb_placement_destroy(&job->before);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, EVEN_DEVICES, EVEN_SLOTS, &job->topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(LAYERS, NUM_EXPERTS, NUM_SLOTS, &job->before), EPLB_SUCCESS);
  job->windows.num_experts = job->experts = NUM_EXPERTS;
  for (int k = 0; k < job->windows.num_windows; k++)
    for (int i = 0; i < LAYERS * NUM_EXPERTS; i++)
      job->load[k][i] = 1e6 * (1 + rng_between(rng, 0, 50) * (i % 7 == 0));
  job->options.planner = planner;
  job->options.max_moves = max_moves;
  job->options.tokens_per_load = INFINITY;
  eplb_placement_t *first = job_plan(job, job->before);
  job->options.max_moves = INT_MAX;
  eplb_placement_t *scratch = job_plan(job, NULL);
  int from_scratch = 0;
  for (int l = 0; l < LAYERS; l++) {
    int32_t a[NUM_SLOTS], b[NUM_SLOTS];
    rename_row(row_of(first, l), a);
    rename_row(row_of(scratch, l), b);
    int moves = count_moves(job->topology, row_of(job->before, l), row_of(first, l));
    CU_ASSERT(moves <= max_moves);
    CU_ASSERT(moves == 0 || max_moves < INT_MAX || !memcmp(a, b, sizeof a));
    CU_ASSERT(max_moves < INT_MAX || moves <= count_moves(job->topology, row_of(job->before, l), row_of(scratch, l)));
    from_scratch += !memcmp(a, b, sizeof a);
  }
  eplb_placement_destroy(&scratch);
  eplb_placement_destroy(&first);
  job_end(job);
  return from_scratch;
}

static void a_placement_that_nobody_planned_is_planned_from_scratch(void) {
  rng_t rng = {11};
  int from_scratch = 0;
  for (int i = 0; i < 40; i++) {
    from_scratch += check_first_plan(&rng, i % 2 ? EPLB_PLANNER_HISTORY : EPLB_PLANNER_CHAIN, INT_MAX);
    check_first_plan(&rng, i % 2 ? EPLB_PLANNER_HISTORY : EPLB_PLANNER_CHAIN, rng_between(&rng, 0, 6));
  }
  CU_ASSERT(from_scratch > 40 * LAYERS / 2);
}

/* As a float such a move cost is 0. */
static void the_least_move_cost_is_no_endless_search(void) {
  rng_t rng = {5};
  for (int i = 0; i < 4; i++) {
    job_t *job = job_make(&rng);
    job->options.planner = i % 2 ? EPLB_PLANNER_HISTORY : EPLB_PLANNER_CHAIN;
    job->options.move_cost = 1e-300;
    eplb_placement_t *p = job_plan(job, job->before);
    eplb_placement_destroy(&p);
    job_end(job);
  }
}

static void all_devices_are_linked(void) {
  static const int devices[] = {2, 3, 4, 7, 8, 12, 32};
  rng_t rng = {75};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    int g = devices[i], experts = 4 * g, parent[32];
    double load[4 * 32];
    eplb_topology_t *t = NULL;
    eplb_placement_t *p = NULL;
    eplb_plan_options_t o;
    eplb_plan_options_init(&o);
    o.planner = EPLB_PLANNER_CHAIN;
    CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, g, 5, &t), EPLB_SUCCESS);
    for (int e = 0; e < experts; e++)
      load[e] = 100 + rng_between(&rng, 0, 20); /* none is so large that it needs a third replica */
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, experts, load), NULL, &p), EPLB_SUCCESS);
    for (int d = 0; d < g; d++)
      parent[d] = d;
    for (int e = 0; e < experts; e++)
      for (int32_t k = p->replica_begin[e] + 1; k < p->replica_begin[e + 1]; k++)
        parent[root_of(parent, eplb_topology_device_of_slot(t, p->replica_slot[k]))] =
            root_of(parent, eplb_topology_device_of_slot(t, p->replica_slot[k - 1]));
    for (int d = 1; d < g; d++)
      CU_ASSERT_EQUAL(root_of(parent, d), root_of(parent, 0));
    eplb_placement_destroy(&p);
    eplb_topology_destroy(&t);
  }
}

/* Whether a device holds one of several replicas of an expert. */
static int is_linked(const eplb_topology_t *t, const eplb_placement_t *p, int layer, int device) {
  const int32_t *row = row_of(p, layer);
  for (int s = t->slot_begin[device]; s < t->slot_begin[device + 1]; s++)
    if (row[s] != EPLB_EMPTY && p->logical_replica_count[layer * p->num_experts + row[s]] > 1)
      return 1;
  return 0;
}

/* Other loads, and a budget, from a plan made for the first ones. */
static void check_links(rng_t *rng) {
  job_t *job = job_make(rng);
  job->options.planner = EPLB_PLANNER_CHAIN;
  eplb_placement_t *p = job_plan(job, NULL);
  for (int k = 0; k < job->windows.num_windows; k++)
    random_loads(rng, (size_t)(LAYERS * job->experts), job->load[k]);
  job->options.max_moves = rng_between(rng, 0, 40);
  eplb_placement_t *after = job_plan(job, p);
  for (int l = 0; l < LAYERS; l++)
    for (int d = 0; d < job->topology->num_devices; d++)
      CU_ASSERT(!is_linked(job->topology, p, l, d) || is_linked(job->topology, after, l, d));
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&after);
  job_end(job);
}

static void no_device_loses_its_last_link(void) {
  shapes_try(200, 77, check_links);
}

static void one_expert_goes_everywhere(void) {
  static const double load[1] = {5};
  for (eplb_planner_t planner = EPLB_PLANNER_HISTORY; planner <= EPLB_PLANNER_CHAIN; planner++) {
    eplb_topology_t *t = NULL;
    eplb_placement_t *p = NULL;
    eplb_plan_options_t o;
    eplb_plan_options_init(&o);
    o.planner = planner;
    CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 4, 2, &t), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, 1, load), NULL, &p), EPLB_SUCCESS);
    CU_ASSERT_EQUAL(p->logical_replica_count[0], 4);
    CU_ASSERT_EQUAL(eplb_balancedness(t, p, 0, load), 1);
    eplb_placement_destroy(&p);
    eplb_topology_destroy(&t);
  }
}

static void what_cannot_be_planned_ahead_is_refused(void) {
  static const double load[4] = {1, 2, 3, 4};
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  eplb_plan_options_t o;
  eplb_windows_t w = {.size = sizeof(eplb_windows_t),
                      .num_windows = 1,
                      .num_layers = 1,
                      .num_experts = 4,
                      .load = {load},
                      .weight = {INFINITY}};
  eplb_plan_options_init(&o);
  o.planner = EPLB_PLANNER_HISTORY;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &t), EPLB_SUCCESS);
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_ARGUMENT, "window 0 has weight inf");
  w.weight[0] = 1;
  w.num_windows = 17;
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_ARGUMENT, "17 windows; expected 1 to 16");
  TAP_FAILS(eplb_plan(&o, t, NULL, NULL, &p), EPLB_ERR_ARGUMENT, "windows is NULL");
  w = (eplb_windows_t){.size = sizeof(eplb_windows_t),
                       .num_windows = 2,
                       .num_layers = 1,
                       .num_experts = 4,
                       .load = {load, NULL},
                       .weight = {1, 1}};
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_ARGUMENT, "NULL");
  w.num_windows = 1;
  o.move_cost = -1;
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_ARGUMENT, "move_cost is -1");
  o.move_cost = 0;
  o.policy = EPLB_POLICY_HIERARCHICAL;
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_UNSUPPORTED, "history planner has no hierarchical");
  o.policy = EPLB_POLICY_AUTO;
  o.forecast = (eplb_forecast_t)3;
  TAP_FAILS(eplb_plan(&o, t, &w, NULL, &p), EPLB_ERR_ARGUMENT, "forecast is 3");
  CU_ASSERT_PTR_NULL(p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"plans of any shape are sound", plans_of_any_shape_are_sound},
      {"what is there changes within the budget", what_is_there_changes_within_the_budget},
      {"totals, empty windows and other layers do not matter", totals_empty_windows_and_other_layers_do_not_matter},
      {"the next window is better balanced", the_next_window_is_better_balanced},
      {"few moves follow a jump", few_moves_follow_a_jump},
      {"a placement that nobody planned is planned from scratch",
       a_placement_that_nobody_planned_is_planned_from_scratch},
      {"the least move cost is no endless search", the_least_move_cost_is_no_endless_search},
      {"all devices are linked", all_devices_are_linked},
      {"no device loses its last link", no_device_loses_its_last_link},
      {"one expert goes everywhere", one_expert_goes_everywhere},
      {"what cannot be planned ahead is refused", what_cannot_be_planned_ahead_is_refused},
      {NULL, NULL}};
  return tap_run("history planner", tests);
}
