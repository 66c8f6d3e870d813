/* Histories of windows, and forecasts made of them. */
#include "core/model/forecast.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/loads.h>
#include <math.h>
#include <string.h>

static eplb_windows_t windows_of(const eplb_history_t *h) {
  eplb_windows_t w = {.size = sizeof w};
  CU_ASSERT_EQUAL_FATAL(eplb_history_windows(h, &w), EPLB_SUCCESS);
  return w;
}

static void a_history_keeps_the_last_windows(void) {
  eplb_history_t *h = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(1, 2, 3, .5, &h), EPLB_SUCCESS);
  for (int i = 1; i <= 7; i++) {
    const double load[2] = {i, 10 * i};
    CU_ASSERT_EQUAL(eplb_history_add(h, load), EPLB_SUCCESS);
    CU_ASSERT_EQUAL(eplb_history_length(h), i < 3 ? i : 3);
    eplb_windows_t w = windows_of(h);
    CU_ASSERT_EQUAL(w.num_windows, eplb_history_length(h));
    for (int k = 0; k < w.num_windows; k++) {
      CU_ASSERT_EQUAL(w.load[k][0], i - k);
      CU_ASSERT_EQUAL(w.load[k][1], 10 * (i - k));
      CU_ASSERT_EQUAL(w.weight[k], ldexp(1, -k));
    }
  }
  eplb_history_destroy(&h);
  CU_ASSERT_PTR_NULL(h);
  eplb_history_destroy(&h);
}

static void windows_without_load_are_left_out(void) {
  const double none[2] = {0, 0}, some[2] = {0, 1}, wrong[2] = {1, -1};
  eplb_history_t *h = NULL;
  eplb_windows_t w = {.size = sizeof(eplb_windows_t), .num_windows = 7};
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(1, 2, 16, .9, &h), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_history_add(h, none), EPLB_SUCCESS);
  TAP_FAILS(eplb_history_windows(h, &w), EPLB_ERR_STATE, "no window yet");
  CU_ASSERT_EQUAL(w.num_windows, 7);
  CU_ASSERT_EQUAL(eplb_history_add(h, some), EPLB_SUCCESS);
  TAP_FAILS(eplb_history_add(h, wrong), EPLB_ERR_LOADS, "layer 0, expert 1");
  CU_ASSERT_EQUAL(eplb_history_length(h), 1);
  CU_ASSERT_EQUAL(windows_of(h).load[0][1], 1);
  eplb_history_destroy(&h);
}

/* What is not added yet counts as if it were, in place of the oldest. */
static void a_history_can_be_seen_with_one_more(void) {
  const double none[1] = {0};
  eplb_history_t *h = NULL;
  eplb_windows_t w = {.size = sizeof w};
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(1, 1, 3, .5, &h), EPLB_SUCCESS);
  TAP_FAILS(eplb_history_with(h, none, &w), EPLB_ERR_STATE, "no window yet");
  TAP_FAILS(eplb_history_with(h, NULL, &w), EPLB_ERR_ARGUMENT, "load is NULL");
  for (int i = 1; i <= 5; i++) {
    const double load[1] = {i};
    CU_ASSERT_EQUAL(eplb_history_with(h, load, &w), EPLB_SUCCESS);
    CU_ASSERT_EQUAL(w.num_windows, i < 3 ? i : 3);
    for (int k = 0; k < w.num_windows; k++)
      CU_ASSERT(w.load[k][0] == i - k && w.weight[k] == ldexp(1, -k));
    CU_ASSERT_EQUAL(eplb_history_length(h), i - 1 < 3 ? i - 1 : 3);
    CU_ASSERT_EQUAL(eplb_history_add(h, load), EPLB_SUCCESS);
  }
  CU_ASSERT_EQUAL(eplb_history_with(h, none, &w), EPLB_SUCCESS);
  CU_ASSERT(w.num_windows == 3 && w.load[0][0] == 5);
  eplb_history_destroy(&h);
}

static void what_no_history_can_be_is_refused(void) {
  eplb_history_t *h = NULL;
  TAP_FAILS(eplb_history_create(1, 1, 0, .9, &h), EPLB_ERR_ARGUMENT, "a history of 0 windows; expected 1 to 16");
  TAP_FAILS(eplb_history_create(1, 1, 17, .9, &h), EPLB_ERR_ARGUMENT, "17 windows");
  TAP_FAILS(eplb_history_create(0, 1, 1, .9, &h), EPLB_ERR_ARGUMENT, "0 layers");
  TAP_FAILS(eplb_history_create(1, 0, 1, .9, &h), EPLB_ERR_ARGUMENT, "0 experts");
  TAP_FAILS(eplb_history_create(1, 1, 1, 0, &h), EPLB_ERR_ARGUMENT, "decay is 0");
  TAP_FAILS(eplb_history_create(1, 1, 1, NAN, &h), EPLB_ERR_ARGUMENT, "decay");
  TAP_FAILS(eplb_history_add(NULL, NULL), EPLB_ERR_ARGUMENT, "history is NULL");
  CU_ASSERT_PTR_NULL(h);
}

static void forecast(eplb_forecast_t kind, int count, const double *oldest_first, double *made) {
  eplb_windows_t w = {.size = sizeof(eplb_windows_t), .num_windows = count, .num_layers = 1, .num_experts = 2};
  for (int k = 0; k < count; k++) {
    w.load[k] = oldest_first + 2 * (count - 1 - k);
    w.weight[k] = 1;
  }
  CU_ASSERT_EQUAL_FATAL(eplb_forecast_make(kind, &w, made), EPLB_SUCCESS);
}

static void forecasts_have_the_newest_total(void) {
  const double load[] = {30, 10, 0, 0, 1, 1, 2, 6};
  double made[2];
  forecast(EPLB_FORECAST_LAST, 4, load, made);
  CU_ASSERT(made[0] == 2 && made[1] == 6);
  forecast(EPLB_FORECAST_MEAN, 4, load, made); /* of 6 2, 4 4 and 2 6 */
  CU_ASSERT(fabs(made[0] - 4) < 1e-12 && fabs(made[1] - 4) < 1e-12);
  forecast(EPLB_FORECAST_EWMA, 4, load, made);
  CU_ASSERT(fabs(made[0] + made[1] - 8) < 1e-12);
  forecast(EPLB_FORECAST_LAST, 2, load, made); /* the newest has none */
  CU_ASSERT(made[0] == 30 && made[1] == 10);
  forecast(EPLB_FORECAST_MEAN, 1, load + 2, made);
  CU_ASSERT(made[0] == 0 && made[1] == 0);
}

/* A series that wavers about its mean is smoothed most, one that jumps and stays not at all. */
static void smoothing_is_chosen_by_what_would_have_been_right(void) {
  double wavering[2 * 16], jumping[2 * 16], made[2];
  for (int i = 0; i < 16; i++) {
    wavering[2 * i] = i % 2 ? 60 : 40;
    wavering[2 * i + 1] = i % 2 ? 40 : 60;
    jumping[2 * i] = i < 8 ? 10 : 90;
    jumping[2 * i + 1] = i < 8 ? 90 : 10;
  }
  forecast(EPLB_FORECAST_EWMA, 16, wavering, made);
  CU_ASSERT(made[0] > 47 && made[0] < 53);
  forecast(EPLB_FORECAST_EWMA, 16, jumping, made);
  CU_ASSERT(made[0] == 90 && made[1] == 10);
}

static void what_cannot_be_forecast_is_refused(void) {
  const double load[2] = {1, NAN};
  double made[2] = {7, 7};
  eplb_windows_t w = {.size = sizeof(eplb_windows_t), .num_windows = 0, .num_layers = 1, .num_experts = 2};
  eplb_forecast_t kind = EPLB_FORECAST_EWMA;
  TAP_FAILS(eplb_forecast_make(kind, &w, made), EPLB_ERR_ARGUMENT, "0 windows; expected 1 to 16");
  TAP_FAILS(eplb_forecast_make(kind, NULL, made), EPLB_ERR_ARGUMENT, "0 windows");
  w = eplb_windows_single(1, 2, load);
  TAP_FAILS(eplb_forecast_make(kind, &w, made), EPLB_ERR_LOADS, "expert 1");
  w.weight[0] = 0;
  TAP_FAILS(eplb_forecast_make(kind, &w, made), EPLB_ERR_ARGUMENT, "weight 0");
  TAP_FAILS(eplb_forecast_make((eplb_forecast_t)9, &w, made), EPLB_ERR_ARGUMENT, "forecast is 9");
  CU_ASSERT(made[0] == 7);
}

/* Loads may differ by more than the root of the largest number. */
static void variances_are_numbers_whatever_the_unit(void) {
  const double load[] = {1e18, 0, 1e-180, 0};
  double made[2], variance = 0;
  eplb_windows_t w = {.size = sizeof(eplb_windows_t),
                      .num_windows = 2,
                      .num_layers = 1,
                      .num_experts = 2,
                      .load = {load, load + 2},
                      .weight = {1, 1}};
  CU_ASSERT_EQUAL_FATAL(eplb_forecast_with_variance(EPLB_FORECAST_MEAN, &w, made, &variance), EPLB_SUCCESS);
  CU_ASSERT(isfinite(variance) && variance > 0);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"a history keeps the last windows", a_history_keeps_the_last_windows},
      {"windows without load are left out", windows_without_load_are_left_out},
      {"a history can be seen with one more", a_history_can_be_seen_with_one_more},
      {"what no history can be is refused", what_no_history_can_be_is_refused},
      {"forecasts have the newest total", forecasts_have_the_newest_total},
      {"smoothing is chosen by what would have been right", smoothing_is_chosen_by_what_would_have_been_right},
      {"variances are numbers, whatever the unit", variances_are_numbers_whatever_the_unit},
      {"what cannot be forecast is refused", what_cannot_be_forecast_is_refused},
      {NULL, NULL}};
  return tap_run("forecast", tests);
}
