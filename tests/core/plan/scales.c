/* Loads and window weights of any size: only ratios matter, and what is out of range is refused. */
#include "core/model/forecast.h"
#include "core/model/loads.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { DEVICES = 8, SLOTS = 5, EXPERTS = 32, WINDOWS = 3 };

static const eplb_planner_t planners[] = {EPLB_PLANNER_DEEPSEEK, EPLB_PLANNER_WINDOW, EPLB_PLANNER_HISTORY,
                                          EPLB_PLANNER_CHAIN};
enum { NUM_PLANNERS = sizeof planners / sizeof *planners };

static eplb_topology_t *topology;

/* Not whole numbers, which would be taken for counts of tokens. */
static eplb_windows_t random_windows(rng_t *rng, double load[WINDOWS][EXPERTS]) {
  eplb_windows_t w = {.size = sizeof(eplb_windows_t), .num_windows = WINDOWS, .num_layers = 1, .num_experts = EXPERTS};
  for (int k = 0; k < WINDOWS; k++) {
    for (int e = 0; e < EXPERTS; e++)
      load[k][e] = exp(3 * rng_unit(rng));
    w.load[k] = load[k];
    w.weight[k] = ldexp(1, -k);
  }
  return w;
}

static eplb_placement_t *plan(eplb_planner_t planner, const eplb_windows_t *windows, const eplb_placement_t *current) {
  eplb_plan_options_t options;
  eplb_placement_t *p = NULL;
  eplb_plan_options_init(&options);
  options.planner = planner;
  CU_ASSERT_EQUAL_FATAL(eplb_plan(&options, topology, windows, current, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_validate(p), EPLB_SUCCESS);
  return p;
}

/* Plans for both windows, from scratch and from the same placement, and compares. */
static void expect_same_plans(rng_t *rng, const eplb_windows_t *a, const eplb_windows_t *b) {
  eplb_placement_t *current = random_placement(rng, 1, EXPERTS, DEVICES * SLOTS, 0);
  for (int i = 0; i < NUM_PLANNERS; i++)
    for (int from = 0; from < 2; from++) {
      eplb_placement_t *p = plan(planners[i], a, from ? current : NULL),
                       *q = plan(planners[i], b, from ? current : NULL);
      CU_ASSERT(same_placement(p, q));
      eplb_placement_destroy(&p);
      eplb_placement_destroy(&q);
    }
  eplb_placement_destroy(&current);
}

static void try_loads(rng_t *rng) {
  static const int powers[] = {-600, -300, -120, -60};
  double load[WINDOWS][EXPERTS], small[WINDOWS][EXPERTS];
  eplb_windows_t w = random_windows(rng, load), scaled = w;
  for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
    for (int k = 0; k < WINDOWS; k++) {
      for (int e = 0; e < EXPERTS; e++)
        small[k][e] = ldexp(load[k][e], powers[i]);
      scaled.load[k] = small[k];
    }
    expect_same_plans(rng, &w, &scaled);
  }
}

static void small_loads_are_planned_as_large_ones(void) {
  shapes_try(5, 1, try_loads);
}

static void try_weights(rng_t *rng) {
  static const int powers[] = {1023, 900, 100, -100, -1000, -1072};
  double load[WINDOWS][EXPERTS], forecast[EXPERTS], other[EXPERTS];
  eplb_windows_t w = random_windows(rng, load), scaled = w;
  for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
    for (int k = 0; k < WINDOWS; k++)
      scaled.weight[k] = ldexp(w.weight[k], powers[i]);
    expect_same_plans(rng, &w, &scaled);
    for (int kind = EPLB_FORECAST_LAST; kind <= EPLB_FORECAST_EWMA; kind++) {
      CU_ASSERT_EQUAL(eplb_forecast_make((eplb_forecast_t)kind, &w, forecast), EPLB_SUCCESS);
      CU_ASSERT_EQUAL(eplb_forecast_make((eplb_forecast_t)kind, &scaled, other), EPLB_SUCCESS);
      CU_ASSERT(!memcmp(forecast, other, sizeof forecast));
    }
  }
}

static void weights_of_any_size_are_ratios(void) {
  shapes_try(3, 2, try_weights);
}

/* A window of next to no weight beside one of the largest, and loads as large as they may be. */
static void extremes_stay_finite(void) {
  rng_t rng = {3};
  double load[WINDOWS][EXPERTS], forecast[EXPERTS];
  eplb_windows_t w = random_windows(&rng, load);
  for (int e = 0; e < EXPERTS; e++) {
    load[0][e] = e % 3 ? 0x1.fffffffffffffp62 : 0;
    load[1][e] = e % 5 ? 1e-198 : 5e-324;
  }
  w.weight[0] = DBL_TRUE_MIN;
  w.weight[1] = DBL_MAX;
  for (int i = 0; i < NUM_PLANNERS; i++) {
    eplb_placement_t *p = plan(planners[i], &w, NULL), *again = plan(planners[i], &w, p);
    double balance = eplb_balancedness(topology, again, 0, load[0]);
    CU_ASSERT(balance > 0 && balance <= 1);
    eplb_placement_destroy(&p);
    eplb_placement_destroy(&again);
  }
  for (int kind = EPLB_FORECAST_LAST; kind <= EPLB_FORECAST_EWMA; kind++) {
    CU_ASSERT_EQUAL(eplb_forecast_make((eplb_forecast_t)kind, &w, forecast), EPLB_SUCCESS);
    for (int e = 0; e < EXPERTS; e++)
      CU_ASSERT(isfinite(forecast[e]));
  }
}

static void what_is_out_of_range_is_refused(void) {
  rng_t rng = {4};
  double load[WINDOWS][EXPERTS];
  const double wrong[] = {0, -1, INFINITY, NAN};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    eplb_windows_t w = random_windows(&rng, load);
    w.weight[1] = wrong[i];
    TAP_FAILS(eplb_windows_check(&w), EPLB_ERR_ARGUMENT, "expected a finite number above 0");
  }
  eplb_windows_t w = random_windows(&rng, load);
  memset(load[2], 0, sizeof load[2]);
  CU_ASSERT_EQUAL(eplb_windows_check(&w), EPLB_SUCCESS);
  load[2][7] = DBL_TRUE_MIN;
  TAP_FAILS(eplb_windows_check(&w), EPLB_ERR_LOADS,
            "layer 0: the sum of its loads is 4.94066e-324; expected 0, or 1e-200");
  load[2][7] = DBL_MAX;
  TAP_FAILS(eplb_windows_check(&w), EPLB_ERR_LOADS, "expected a number from 0 to below 2^63");
}

int main(void) {
  if (eplb_topology_declare(2, DEVICES, SLOTS, &topology))
    return 1;
  static const tap_test_t tests[] = {{"small loads are planned as large ones", small_loads_are_planned_as_large_ones},
                                     {"weights of any size are ratios", weights_of_any_size_are_ratios},
                                     {"extremes stay finite", extremes_stay_finite},
                                     {"refused: what is out of range", what_is_out_of_range_is_refused},
                                     {0}};
  int status = tap_run("scales", tests);
  eplb_topology_destroy(&topology);
  return status;
}
