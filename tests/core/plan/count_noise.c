/* Plans do not follow chance: what a router that never changes does to counts moves nothing. */
#include "core/plan/common/count_noise.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <math.h>
#include <string.h>

/* 256 experts in as many slots on 32 devices: with equal experts every placement is as good as any other. */
enum { DEVICES = 32, EXPERTS = 256, LAYERS = 4, TOKENS = 128 /* of an expert, in the mean */, PLANS = 20 };

typedef struct job {
  eplb_topology_t *topology;
  eplb_plan_options_t options;
  eplb_history_t *history;
  eplb_placement_t *placement;
  rng_t rng;
} job_t;

static void job_begin(job_t *job, eplb_planner_t planner, int windows) {
  *job = (job_t){.rng = {7}};
  eplb_plan_options_init(&job->options);
  job->options.planner = planner;
  if (planner == EPLB_PLANNER_WINDOW)
    job->options.forecast = EPLB_FORECAST_MEAN;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(4, DEVICES, EXPERTS / DEVICES, &job->topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(LAYERS, EXPERTS, EXPERTS, &job->placement), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(LAYERS, EXPERTS, windows, EPLB_HISTORY_DECAY, &job->history), EPLB_SUCCESS);
}

static void job_end(job_t *job) {
  eplb_history_destroy(&job->history);
  eplb_placement_destroy(&job->placement);
  eplb_topology_destroy(&job->topology);
}

/* Counts of the next window, each `unit` large; the first `hot` experts of a layer are four times as likely. */
static void job_count(job_t *job, int hot, double unit) {
  double load[LAYERS * EXPERTS] = {0};
  for (int l = 0; l < LAYERS; l++)
    for (int i = 0; i < TOKENS * EXPERTS; i++) {
      int draw = rng_between(&job->rng, 0, EXPERTS + 3 * hot - 1);
      load[l * EXPERTS + (draw < EXPERTS ? draw : (draw - EXPERTS) % (hot ? hot : 1))] += unit;
    }
  CU_ASSERT_EQUAL_FATAL(eplb_history_add(job->history, load), EPLB_SUCCESS);
}

/* Plans from what is there; returns how many layers change. */
static int job_plan(job_t *job) {
  eplb_windows_t windows = {.size = sizeof windows};
  eplb_placement_t *next = NULL;
  int changed = 0;
  CU_ASSERT_EQUAL_FATAL(eplb_history_windows(job->history, &windows), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_plan(&job->options, job->topology, &windows, job->placement, &next), EPLB_SUCCESS);
  for (int l = 0; l < LAYERS; l++)
    changed += memcmp(job->placement->physical_to_logical + l * EXPERTS, next->physical_to_logical + l * EXPERTS,
                      EXPERTS * sizeof *next->physical_to_logical) != 0;
  eplb_placement_destroy(&job->placement);
  job->placement = next;
  return changed;
}

/* How many of PLANS * LAYERS layers change with equal experts. */
static int layers_changed(eplb_planner_t planner, int windows, double tokens_per_load, double unit) {
  job_t job;
  int changed = 0;
  job_begin(&job, planner, windows);
  job.options.tokens_per_load = tokens_per_load;
  for (int i = 0; i < PLANS; i++) {
    job_count(&job, 0, unit);
    changed += job_plan(&job);
  }
  job_end(&job);
  return changed;
}

static const eplb_planner_t planners[] = {EPLB_PLANNER_WINDOW, EPLB_PLANNER_HISTORY, EPLB_PLANNER_CHAIN};

static void a_router_that_never_changes_moves_nothing(void) {
  for (int i = 0; i < 3; i++)
    for (int windows = 1; windows <= EPLB_HISTORY_MAX; windows += EPLB_HISTORY_MAX - 1) {
      CU_ASSERT(layers_changed(planners[i], windows, 0, 1) <= PLANS * LAYERS / 20); /* the error rate: 5 % */
      CU_ASSERT(layers_changed(planners[i], windows, INFINITY, 1) > PLANS * LAYERS / 2);
    }
}

/* Half tokens are no counts, unless somebody says of what. */
static void loads_that_are_no_counts_have_no_noise_unless_told(void) {
  for (int i = 0; i < 3; i++) {
    CU_ASSERT(layers_changed(planners[i], 4, 0, .5) > PLANS * LAYERS / 2);
    CU_ASSERT(layers_changed(planners[i], 4, 2, .5) <= PLANS * LAYERS / 20);
  }
}

static void what_is_more_than_chance_is_balanced(void) {
  for (int i = 0; i < 4; i++) { /* the chain planner counts on shares */
    job_t job;
    double likely[EXPERTS], unit = i < 2 ? 1 : 0x1p-560; /* its square is no number */
    job_begin(&job, planners[i % 2], 16);
    job.options.tokens_per_load = 1 / unit;
    for (int e = 0; e < EXPERTS; e++)
      likely[e] = e < 32 ? 4 : 1;
    CU_ASSERT(eplb_balancedness(job.topology, job.placement, 0, likely) < .4);
    for (int k = 0; k < 4; k++) {
      job_count(&job, 32, unit);
      job_plan(&job);
    }
    for (int l = 0; l < LAYERS; l++)
      CU_ASSERT(eplb_balancedness(job.topology, job.placement, l, likely) > .9);
    job_end(&job);
  }
}

static void quantiles_grow_with_the_number_of_comparisons(void) {
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_quantile(1), EPLB_NOISE_SINGLE_QUANTILE, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_quantile(2), EPLB_NOISE_SINGLE_QUANTILE, 1e-9);
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_quantile(32), 3.725, 1e-9); /* 496 pairs: 5 % / 512 */
  for (int d = 2; d < 100000; d += d / 2)
    CU_ASSERT(eplb_noise_quantile(d + d / 2) >= eplb_noise_quantile(d));
  CU_ASSERT(eplb_noise_quantile(2147483647) < 7);
  double whole[2] = {3, 0}, half[2] = {3, .5};
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_token(0, 2, whole), 1, 0);
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_token(0, 2, half), 0, 0);
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_token(4, 2, half), .25, 0);
  CU_ASSERT_DOUBLE_EQUAL(eplb_noise_token(INFINITY, 2, whole), 0, 0);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"a router that never changes moves nothing", a_router_that_never_changes_moves_nothing},
      {"loads that are no counts have no noise unless told", loads_that_are_no_counts_have_no_noise_unless_told},
      {"what is more than chance is balanced", what_is_more_than_chance_is_balanced},
      {"quantiles grow with the number of comparisons", quantiles_grow_with_the_number_of_comparisons},
      {NULL, NULL}};
  return tap_run("count noise", tests);
}
