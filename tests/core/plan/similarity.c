/* How much a window counts by its likeness to the newest. */
#include "core/plan/history/similarity.h"
#include "core/model/forecast.h"
#include "shapes.h"
#include "tap.h"
#include <math.h>

enum { EXPERTS = 3 };

static eplb_windows_t windows_of(int num_windows, double load[][EXPERTS]) {
  eplb_windows_t w = {
      .size = sizeof(eplb_windows_t), .num_windows = num_windows, .num_layers = 1, .num_experts = EXPERTS};
  for (int k = 0; k < num_windows; k++) {
    w.load[k] = load[k];
    w.weight[k] = 1. / (k + 1);
  }
  return w;
}

/* Parts of (p, q, 1 - p - q) of totals that differ. */
static void window(double load[EXPERTS], double total, double p, double q) {
  load[0] = total * p;
  load[1] = total * q;
  load[2] = total * (1 - p - q);
}

static void windows_that_drift_count_as_they_did(void) {
  double load[4][EXPERTS];
  for (int k = 0; k < 4; k++)
    window(load[k], 100 * (k + 1), k % 2 ? .31 : .3, k % 2 ? .3 : .31);
  eplb_windows_t w = windows_of(4, load), weighed = eplb_similarity_weigh(&w, 0, EXPERTS);
  for (int k = 0; k < 4; k++) {
    CU_ASSERT_PTR_EQUAL(weighed.load[k], w.load[k]);
    CU_ASSERT_EQUAL(weighed.weight[k], w.weight[k]);
  }
}

/* Steps of 2e-4 but for one of 8e-2, a hundred times as long again in terms of twice the median. */
static void windows_before_a_jump_count_less(void) {
  double load[5][EXPERTS];
  for (int k = 0; k < 5; k++)
    window(load[k], 100 * (5 - k), k < 2 ? .3 + .01 * k : .1 + .01 * (k - 2), .3);
  eplb_windows_t w = windows_of(5, load), weighed = eplb_similarity_weigh(&w, 0, EXPERTS);
  CU_ASSERT_EQUAL(weighed.weight[0], w.weight[0]);
  CU_ASSERT_EQUAL(weighed.weight[1], w.weight[1]);
  for (int k = 2; k < 5; k++) {
    double away = .2 - .01 * (k - 2);
    CU_ASSERT_DOUBLE_EQUAL(weighed.weight[k], w.weight[k] * 4e-4 / (2 * away * away), 1e-6);
  }
}

static void windows_without_load_are_no_step(void) {
  double load[4][EXPERTS] = {{0}, {3, 3, 4}, {0}, {8, 1, 1}};
  eplb_windows_t w = windows_of(4, load), weighed = eplb_similarity_weigh(&w, 0, EXPERTS);
  for (int k = 0; k < 4; k++)
    CU_ASSERT_EQUAL(weighed.weight[k], w.weight[k]);
  w.num_windows = 1;
  CU_ASSERT_EQUAL(eplb_similarity_weigh(&w, 0, EXPERTS).weight[0], 1);
}

/* Whatever the windows, weights stay such as eplb_windows_check wants them, and none grows. */
static void check_weights(rng_t *rng) {
  static double load[EPLB_HISTORY_MAX][EXPERTS];
  for (int k = 0; k < EPLB_HISTORY_MAX; k++)
    for (int e = 0; e < EXPERTS; e++)
      load[k][e] = rng_between(rng, 0, 2) * rng_unit(rng);
  eplb_windows_t w = windows_of(rng_between(rng, 1, EPLB_HISTORY_MAX), load);
  eplb_windows_t weighed = eplb_similarity_weigh(&w, 0, EXPERTS);
  CU_ASSERT_EQUAL(eplb_windows_check(&weighed), EPLB_SUCCESS);
  for (int k = 0; k < w.num_windows; k++)
    CU_ASSERT(weighed.weight[k] <= w.weight[k]);
}

static void weights_only_fall(void) {
  shapes_try(300, 76, check_weights);
}

int main(void) {
  static const tap_test_t tests[] = {{"windows that drift count as they did", windows_that_drift_count_as_they_did},
                                     {"windows before a jump count less", windows_before_a_jump_count_less},
                                     {"windows without load are no step", windows_without_load_are_no_step},
                                     {"weights only fall", weights_only_fall},
                                     {NULL, NULL}};
  return tap_run("similarity", tests);
}
