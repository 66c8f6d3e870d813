/* The default planner, from nothing: any shape, never worse than the reference, near the best there is. */
#include "core/plan/common/remote_nodes.h"
#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LAYERS = 2, MAX_EXPERTS = 400 };

typedef struct job {
  eplb_topology_t *topology;
  eplb_plan_options_t options;
  int experts;
  double load[LAYERS * MAX_EXPERTS];
} job_t;

static void job_make(rng_t *rng, unsigned traits, job_t *job) {
  memset(job, 0, sizeof *job);
  job->topology = random_topology(rng, traits);
  int slots = eplb_topology_num_slots(job->topology);
  job->experts = rng_between(rng, 1, slots < MAX_EXPERTS ? slots : MAX_EXPERTS);
  eplb_plan_options_init(&job->options);
  job->options.planner = EPLB_PLANNER_WINDOW;
  job->options.policy = EPLB_POLICY_GLOBAL;
  job->options.effort = EPLB_EFFORT_FAST;
  random_loads(rng, (size_t)(LAYERS * job->experts), job->load);
}

static eplb_placement_t *job_plan(const job_t *job) {
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(
      plan_window(&job->options, job->topology, eplb_windows_single(LAYERS, job->experts, job->load), NULL, &p),
      EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_validate(p), EPLB_SUCCESS);
  return p;
}

static void job_end(job_t *job, eplb_placement_t *p) {
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job->topology);
}

static int count_colocated(const eplb_topology_t *t, const int32_t *row) {
  int colocated = 0;
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      for (int k = t->slot_begin[d]; k < s; k++)
        colocated += row[s] != EPLB_EMPTY && row[k] == row[s];
  return colocated;
}

/* ---- properties ---- */

/* Slots stay empty only where a device has more of them than there are experts. */
static void check_sound(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_ANY, &job);
  eplb_placement_t *p = job_plan(&job), *again = job_plan(&job);
  CU_ASSERT(same_placement(p, again));
  const eplb_topology_t *t = job.topology;
  for (int l = 0; l < LAYERS; l++)
    for (int d = 0; d < t->num_devices; d++) {
      int slots = t->slot_begin[d + 1] - t->slot_begin[d], empty = 0;
      for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
        empty += p->physical_to_logical[l * p->num_slots + s] == EPLB_EMPTY;
      CU_ASSERT_EQUAL(empty > 0, slots > job.experts && empty > 0);
      CU_ASSERT(empty <= (slots > job.experts ? slots - job.experts : 0));
    }
  eplb_placement_destroy(&again);
  job_end(&job, p);
}

static void plans_are_valid_and_repeatable(void) {
  shapes_try(1500, 1, check_sound);
}

/* Where the reference accepts the shape. Twins are a way to give a device a larger part of an expert: allowed only if
 * that pays. */
static void check_against_reference(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_SCATTERED | SHAPE_UNEVEN_NODES, &job);
  eplb_placement_t *p = job_plan(&job);
  job.options.planner = EPLB_PLANNER_DEEPSEEK;
  job.options.effort = EPLB_EFFORT_DEFAULT;
  eplb_placement_t *reference = job_plan(&job);
  for (int l = 0; l < LAYERS; l++) {
    const double *load = job.load + l * job.experts;
    double ours = eplb_balancedness(job.topology, p, l, load),
           theirs = eplb_balancedness(job.topology, reference, l, load);
    CU_ASSERT(ours >= theirs * (1 - 1e-8));
  }
  eplb_placement_destroy(&reference);
  job_end(&job, p);
}

static void no_plan_is_worse_than_the_reference(void) {
  shapes_try(1500, 2, check_against_reference);
}

static void check_no_colocated(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_ANY | SHAPE_UNEVEN_SLOTS, &job); /* the reference refuses most of these */
  job.topology->speed[0] *= 1.5;                       /* and this */
  eplb_placement_t *p = job_plan(&job);
  for (int l = 0; l < LAYERS && job.topology->num_devices > 1; l++)
    CU_ASSERT_EQUAL(count_colocated(job.topology, p->physical_to_logical + l * p->num_slots), 0);
  job_end(&job, p);
}

static void no_device_holds_an_expert_twice(void) {
  shapes_try(1500, 3, check_no_colocated);
}

static void check_groups_at_home(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_SCATTERED | SHAPE_UNEVEN_NODES | SHAPE_UNEVEN_SLOTS, &job);
  int nodes = eplb_topology_num_nodes(job.topology);
  job.options.policy = EPLB_POLICY_HIERARCHICAL;
  job.options.num_groups = rng_between(rng, 1, job.experts);
  eplb_placement_t *p = NULL;
  eplb_status_t status =
      plan_window(&job.options, job.topology, eplb_windows_single(LAYERS, job.experts, job.load), NULL, &p);
  if (job.options.num_groups < nodes)
    CU_ASSERT_EQUAL(status, EPLB_ERR_SHAPE);
  for (int l = 0; l < LAYERS && !status; l++) {
    int home[MAX_EXPERTS];
    memset(home, 0xff, sizeof home);
    for (int s = 0; s < p->num_slots; s++) {
      int e = p->physical_to_logical[l * p->num_slots + s], node;
      if (e == EPLB_EMPTY)
        continue;
      int *group = &home[(int64_t)e * job.options.num_groups / job.experts];
      node = eplb_topology_node(job.topology, eplb_topology_device_of_slot(job.topology, s));
      CU_ASSERT(*group < 0 || *group == node);
      *group = node;
    }
  }
  CU_ASSERT(status == EPLB_SUCCESS || status == EPLB_ERR_SHAPE);
  job_end(&job, p);
}

static void hierarchical_plans_keep_groups_whole(void) {
  shapes_try(1500, 4, check_groups_at_home);
}

/* Whatever the compiler, its options and the machine: a hash of plans of whole numbers from the tests' own
 * generator. */
static void plans_are_the_same_everywhere(void) {
  static const struct {
    int nodes, devices, slots, experts, groups;
    double spill;
    uint64_t hash;
  } cases[] = {{4, 32, 9, 256, 1, 0, UINT64_C(0xb9e92ca1ef1567c6)},
               {9, 72, 4, 256, 1, 0, UINT64_C(0x1c2699fd25530a83)},
               {18, 144, 2, 256, 1, 0, UINT64_C(0xda8f33e6af8d7786)},
               {4, 32, 9, 256, 8, .99, UINT64_C(0x3e683a03116b1f13)}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rng_t rng = {11};
    eplb_topology_t *t;
    eplb_plan_options_t o;
    eplb_placement_t *p, *next;
    double load[256];
    for (int e = 0; e < 256; e++)
      load[e] = rng_between(&rng, 1, 1000) * rng_between(&rng, 1, 50);
    eplb_plan_options_init(&o);
    o.planner = EPLB_PLANNER_WINDOW;
    o.num_groups = cases[i].groups;
    o.spill = cases[i].spill;
    CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(cases[i].nodes, cases[i].devices, cases[i].slots, &t), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, cases[i].experts, load), NULL, &p), EPLB_SUCCESS);
    for (int e = 0; e < 256; e += 3)
      load[e] *= 2;
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(p->num_layers, p->num_experts, load), p, &next),
                          EPLB_SUCCESS);
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (int s = 0; s < p->num_slots; s++)
      hash = ((hash ^ (uint64_t)(p->physical_to_logical[s] * 1000 + next->physical_to_logical[s])) *
              UINT64_C(1099511628211));
    if (hash != cases[i].hash)
      printf("# case %zu: hash 0x%016llx\n", i, (unsigned long long)hash);
    CU_ASSERT_EQUAL(hash, cases[i].hash);
    eplb_placement_destroy(&next);
    eplb_placement_destroy(&p);
    eplb_topology_destroy(&t);
  }
}

/* ---- loads that are hard ---- */

static void plan_loads(const char *what, double a, double b) {
  eplb_topology_t *t;
  eplb_plan_options_t o;
  eplb_placement_t *p = NULL;
  double load[16];
  eplb_plan_options_init(&o);
  o.planner = EPLB_PLANNER_WINDOW;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 5, &t), EPLB_SUCCESS);
  for (int e = 0; e < 16; e++)
    load[e] = e ? b : a;
  CU_ASSERT_EQUAL(plan_window(&o, t, eplb_windows_single(1, 16, load), NULL, &p), EPLB_SUCCESS);
  CU_ASSERT(p && eplb_placement_validate(p) == EPLB_SUCCESS);
  if (p && !(eplb_balancedness(t, p, 0, load) > 0))
    CU_FAIL("no balance");
  (void)what;
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

static void odd_loads_have_plans(void) {
  plan_loads("all zero", 0, 0);
  plan_loads("one expert with everything", 1, 0);
  plan_loads("nearly the least that there may be", 1e-200, 1e-200);
  plan_loads("denormals and one", 1, DBL_TRUE_MIN);
  plan_loads("the largest", 0x1.fffffffffffffp62, 0x1.fffffffffffffp62);
  plan_loads("the largest and the least", 0x1.fffffffffffffp62, DBL_TRUE_MIN);
  plan_loads("minus zero", -0.0, 1);
}

static void absurd_loads_are_refused(void) {
  eplb_topology_t *t;
  eplb_plan_options_t o;
  eplb_placement_t *p = NULL;
  eplb_plan_options_init(&o);
  o.planner = EPLB_PLANNER_WINDOW;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &t), EPLB_SUCCESS);
  const double bad[] = {1e308, NAN, INFINITY, -1};
  for (int i = 0; i < 4; i++)
    TAP_FAILS(plan_window(&o, t, eplb_windows_single(1, 2, (double[]){1, bad[i]}), NULL, &p), EPLB_ERR_LOADS,
              "layer 0, expert 1");
  TAP_FAILS(plan_window(&o, t, eplb_windows_single(1, 2, (double[]){DBL_TRUE_MIN, DBL_TRUE_MIN}), NULL, &p),
            EPLB_ERR_LOADS, "1e-200 or more");
  eplb_topology_destroy(&t);
}

/* ---- the best there is, on tiny shapes ---- */

typedef struct optimum {
  const eplb_topology_t *topology;
  int experts, slots;
  const double *load;
  int expert[16];
  double best;
} optimum_t;

/* Tries every expert in slot `s` and the rest behind it; within a device experts ascend, as their order does not
 * matter. */
static void try_slot(optimum_t *o, int s) {
  if (s < o->slots) {
    int d = eplb_topology_device_of_slot(o->topology, s), first = o->topology->slot_begin[d];
    for (int e = s > first ? o->expert[s - 1] : 0; e < o->experts; e++) {
      o->expert[s] = e;
      try_slot(o, s + 1);
    }
    return;
  }
  int count[16] = {0};
  double worst = 0;
  for (int i = 0; i < o->slots; i++)
    count[o->expert[i]]++;
  for (int e = 0; e < o->experts; e++)
    if (!count[e])
      return;
  for (int d = 0; d < o->topology->num_devices; d++) {
    double time = 0;
    for (int i = o->topology->slot_begin[d]; i < o->topology->slot_begin[d + 1]; i++)
      time += o->load[o->expert[i]] / count[o->expert[i]];
    worst = fmax(worst, time);
  }
  o->best = fmin(o->best, worst);
}

static void gap_to_the_optimum_is_small(void) {
  rng_t rng = {7};
  double sum = 0, largest = 0;
  int trials = 150;
  for (int k = 0; k < trials; k++) {
    int devices = rng_between(&rng, 2, 4), each = rng_between(&rng, 1, devices == 2 ? 4 : 2);
    int experts = rng_between(&rng, 2, devices * each < 8 ? devices * each : 8);
    double load[8], total = 0;
    for (int e = 0; e < experts; e++)
      total += load[e] = exp(2 * rng_unit(&rng));
    eplb_topology_t *t;
    eplb_placement_t *p;
    eplb_plan_options_t o;
    eplb_plan_options_init(&o);
    o.planner = EPLB_PLANNER_WINDOW;
    CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, devices, each, &t), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, experts, load), NULL, &p), EPLB_SUCCESS);
    optimum_t best = {t, experts, devices * each, load, {0}, INFINITY};
    try_slot(&best, 0);
    double gap = total / devices / eplb_balancedness(t, p, 0, load) / best.best - 1;
    CU_ASSERT(gap > -1e-9);
    sum += gap;
    largest = fmax(largest, gap);
    eplb_placement_destroy(&p);
    eplb_topology_destroy(&t);
  }
  printf("# above the optimum on %d tiny shapes: %.3f %% in the mean, %.2f %% at most\n", trials, 100 * sum / trials,
         100 * largest);
  CU_ASSERT(sum / trials < .005);
  CU_ASSERT(largest < .1);
}

/* ---- spill ---- */

static void spilling_buys_balance_with_visits(void) {
  rng_t rng = {3};
  eplb_topology_t *t;
  eplb_plan_options_t o;
  eplb_placement_t *p;
  double load[256], balance[3];
  eplb_visits_t visits[3] = {{0}};
  for (int e = 0; e < 256; e++)
    load[e] = exp(4 * rng_unit(&rng)) * (e < 64 ? 2 : 1);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(4, 32, 9, &t), EPLB_SUCCESS);
  for (int i = 0; i < 3; i++) {
    eplb_plan_options_init(&o);
    o.planner = EPLB_PLANNER_WINDOW;
    o.num_groups = 8;
    o.policy = i < 2 ? EPLB_POLICY_HIERARCHICAL : EPLB_POLICY_GLOBAL;
    o.spill = i == 1 ? .99 : 0;
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, 256, load), NULL, &p), EPLB_SUCCESS);
    balance[i] = eplb_balancedness(t, p, 0, load);
    CU_ASSERT_EQUAL(eplb_remote_nodes(&(const eplb_group_routing_t){8, 4, 8}, t, p, 0, load, &visits[i]), EPLB_SUCCESS);
    eplb_placement_destroy(&p);
  }
  CU_ASSERT(balance[0] < .99 && balance[1] >= .99);
  CU_ASSERT(visits[0].nodes < visits[1].nodes && visits[1].nodes < visits[2].nodes);
  eplb_topology_destroy(&t);
}

/* Two groups of two experts, a node each; a token picks one group and one expert: it visits that group's node, which is
 * its own half of the time. */
static void visits_are_counted_as_stated(void) {
  eplb_topology_t *t;
  eplb_placement_t *p;
  double load[4] = {1, 1, 1, 1}, off_home[2];
  eplb_visits_t visits = {.off_home = off_home};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 2, 2, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 4, 4, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_remote_nodes(&(const eplb_group_routing_t){2, 1, 1}, t, p, 0, load, &visits), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(visits.nodes, .5, 1e-12);
  CU_ASSERT(off_home[0] == 0 && off_home[1] == 0);
  CU_ASSERT_EQUAL(eplb_remote_nodes(&(const eplb_group_routing_t){2, 2, 2}, t, p, 0, load, &visits), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(visits.nodes, .75, 1e-12); /* both groups; two picks miss a node with a quarter's chance */
  load[0] = load[1] = 3;                            /* the first group is picked three times as often */
  CU_ASSERT_EQUAL(eplb_remote_nodes(&(const eplb_group_routing_t){2, 1, 4}, t, p, 0, load, &visits), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(visits.nodes, .5, 1e-12);
  TAP_FAILS(eplb_remote_nodes(&(const eplb_group_routing_t){2, 3, 1}, t, p, 0, load, &visits), EPLB_ERR_ARGUMENT,
            "3 groups");
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {{"plans are valid and repeatable", plans_are_valid_and_repeatable},
                                     {"no plan is worse than the reference", no_plan_is_worse_than_the_reference},
                                     {"no device holds an expert twice", no_device_holds_an_expert_twice},
                                     {"hierarchical plans keep groups whole", hierarchical_plans_keep_groups_whole},
                                     {"plans are the same everywhere", plans_are_the_same_everywhere},
                                     {"odd loads have plans", odd_loads_have_plans},
                                     {"absurd loads are refused", absurd_loads_are_refused},
                                     {"the gap to the optimum is small", gap_to_the_optimum_is_small},
                                     {"spilling buys balance with visits", spilling_buys_balance_with_visits},
                                     {"visits are counted as stated", visits_are_counted_as_stated},
                                     {NULL, NULL}};
  return tap_run("default planner", tests);
}
