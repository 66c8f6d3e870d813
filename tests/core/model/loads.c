#include "core/model/loads.h"
#include "core/model/synthetic.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/loads.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static eplb_loads_t *create(int windows, int layers, int experts) {
  eplb_loads_t *l = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_create(windows, layers, experts, &l), EPLB_SUCCESS);
  CU_ASSERT(l->num_windows == windows && l->num_layers == layers && l->num_experts == experts);
  return l;
}

static void check_new(rng_t *rng) {
  int windows = rng_between(rng, 1, 5), layers = rng_between(rng, 1, 5), experts = rng_between(rng, 1, 9);
  eplb_loads_t *l = create(windows, layers, experts);
  for (int i = 0; i < layers; i++)
    CU_ASSERT_EQUAL(l->layer_id[i], i);
  for (int i = 0; i < windows * layers * experts; i++)
    CU_ASSERT_EQUAL(l->load[i], 0);
  for (int w = 0; w < windows; w++)
    CU_ASSERT_PTR_EQUAL(eplb_loads_window(l, w), l->load + w * layers * experts);
  eplb_loads_destroy(&l);
  CU_ASSERT_PTR_NULL(l);
}

static void new_recordings_are_zero(void) {
  shapes_try(200, 1, check_new);
}

static void refuse_sizes(int windows, int layers, int experts, const char *text) {
  eplb_loads_t *l = NULL;
  TAP_FAILS(eplb_loads_create(windows, layers, experts, &l), EPLB_ERR_ARGUMENT, text);
  CU_ASSERT_PTR_NULL(l);
}

static void create_refuses_sizes_below_one(void) {
  refuse_sizes(0, 1, 1, "0 windows");
  refuse_sizes(-1, 1, 1, "-1 windows");
  refuse_sizes(1, 0, 1, "0 layers");
  refuse_sizes(1, INT_MIN, 1, "-2147483648 layers");
  refuse_sizes(1, 1, 0, "0 experts");
  refuse_sizes(1, 1, -7, "-7 experts");
}

/* Products beyond int, beyond int64_t, and the first beyond the limit. */
static void create_refuses_too_many_values(void) {
  refuse_sizes(1 << 17, 1 << 17, 2, "17179869184 values");
  refuse_sizes(1, 131073, 131072, "17179869184 values");
  refuse_sizes(1 << 22, 1 << 22, 1 << 22, "17179869184 values");
  refuse_sizes(INT_MAX, INT_MAX, INT_MAX, "2147483647 windows");
}

static void destroy_accepts_nothing(void) {
  eplb_loads_t *l = NULL;
  eplb_loads_destroy(&l);
  eplb_loads_destroy(NULL);
  CU_ASSERT_PTR_NULL(l);
}

static void the_largest_loads_are_fine(void) {
  const double load[] = {0, -0., 0x1p-1074, .5, 1e15, nextafter(0x1p63, 0)};
  CU_ASSERT_EQUAL(eplb_loads_check(1, 6, load), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_loads_check(3, 2, load), EPLB_SUCCESS);
}

static void check_bad_load(rng_t *rng) {
  enum { LAYERS = 4, EXPERTS = 5, VALUES = LAYERS * EXPERTS };
  const double bad[] = {NAN, -NAN, INFINITY, -INFINITY, -1, -0x1p-1074, 0x1p63, 1e300};
  double load[VALUES];
  char place[64];
  random_loads(rng, VALUES, load);
  int at = rng_between(rng, 0, VALUES - 1);
  load[at] = bad[rng_between(rng, 0, 7)];
  load[rng_between(rng, at, VALUES - 1)] = NAN; /* the first is named; perhaps there is no other */
  snprintf(place, sizeof place, "layer %d, expert %d:", at / EXPERTS, at % EXPERTS);
  TAP_FAILS(eplb_loads_check(LAYERS, EXPERTS, load), EPLB_ERR_LOADS, place);
}

static void check_names_the_first_bad_load(void) {
  shapes_try(1000, 2, check_bad_load);
}

static void check_refuses_sizes_and_nothing(void) {
  double load = 1;
  TAP_FAILS(eplb_loads_check(0, 1, &load), EPLB_ERR_ARGUMENT, "0 layers");
  TAP_FAILS(eplb_loads_check(1, -2, &load), EPLB_ERR_ARGUMENT, "-2 experts");
  TAP_FAILS(eplb_loads_check(1, 1, NULL), EPLB_ERR_ARGUMENT, "NULL");
}

static void check_sum(rng_t *rng) {
  enum { LAYERS = 3, EXPERTS = 4, VALUES = LAYERS * EXPERTS };
  int windows = rng_between(rng, 1, 6);
  eplb_loads_t *l = create(windows, LAYERS, EXPERTS);
  double all[VALUES];
  random_loads(rng, (size_t)(windows * VALUES), l->load);
  eplb_loads_sum(l, all);
  for (int i = 0; i < VALUES; i++) {
    double sum = 0;
    for (int w = 0; w < windows; w++)
      sum += eplb_loads_window(l, w)[i];
    CU_ASSERT_DOUBLE_EQUAL(all[i], sum, 1e-9 * (1 + sum));
  }
  eplb_loads_destroy(&l);
}

static void the_sum_is_over_windows(void) {
  shapes_try(300, 3, check_sum);
}

static eplb_loads_t *generate(const eplb_generate_options_t *options) {
  eplb_loads_t *l = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_generate(options, &l), EPLB_SUCCESS);
  return l;
}

static size_t num_values(const eplb_loads_t *l) {
  return (size_t)(l->num_windows * l->num_layers * l->num_experts);
}

static void the_defaults_are_as_documented(void) {
  eplb_generate_options_t o;
  eplb_generate_options_init(&o);
  CU_ASSERT(o.num_windows == 8 && o.num_layers == 8 && o.num_experts == 64);
  CU_ASSERT(o.spread == EPLB_SPREAD_LOGNORMAL && o.parameter == 1 && o.drift == .1);
  CU_ASSERT(o.tokens == 10000 && o.seed == 1 && o.size == sizeof o);
  eplb_loads_t *l = generate(&o);
  CU_ASSERT(l->num_windows == 8 && l->num_layers == 8 && l->num_experts == 64);
  CU_ASSERT(l->layer_id[0] == 0 && l->layer_id[7] == 7);
  eplb_loads_destroy(&l);
}

static void random_options(rng_t *rng, eplb_generate_options_t *o) {
  eplb_generate_options_init(o);
  o->num_windows = rng_between(rng, 1, 4);
  o->num_layers = rng_between(rng, 1, 4);
  o->num_experts = rng_between(rng, 1, 70);
  o->spread = (eplb_spread_t)rng_between(rng, EPLB_SPREAD_LOGNORMAL, EPLB_SPREAD_UNIFORM);
  o->parameter = rng_between(rng, 0, 16);
  o->drift = rng_between(rng, 0, 4) / 4.;
  o->tokens = ldexp(1, rng_between(rng, 0, 40));
  o->seed = rng_next(rng);
}

static void check_same(rng_t *rng) {
  eplb_generate_options_t o;
  random_options(rng, &o);
  eplb_loads_t *a = generate(&o), *b = generate(&o);
  CU_ASSERT_EQUAL(memcmp(a->load, b->load, num_values(a) * sizeof *a->load), 0);
  eplb_loads_destroy(&a);
  eplb_loads_destroy(&b);
}

static void the_same_seed_gives_the_same_loads(void) {
  shapes_try(300, 4, check_same);
}

static void check_different(rng_t *rng) {
  eplb_generate_options_t o;
  eplb_generate_options_init(&o);
  o.spread = (eplb_spread_t)rng_between(rng, EPLB_SPREAD_LOGNORMAL, EPLB_SPREAD_UNIFORM);
  o.seed = rng_next(rng);
  eplb_loads_t *a = generate(&o);
  o.seed++;
  eplb_loads_t *b = generate(&o);
  CU_ASSERT_NOT_EQUAL(memcmp(a->load, b->load, num_values(a) * sizeof *a->load), 0);
  eplb_loads_destroy(&a);
  eplb_loads_destroy(&b);
}

static void another_seed_gives_other_loads(void) {
  shapes_try(100, 5, check_different);
}

/* Rounding takes or gives half a token per expert. */
static void check_tokens(rng_t *rng) {
  eplb_generate_options_t o;
  random_options(rng, &o);
  eplb_loads_t *l = generate(&o);
  const double *load = l->load;
  for (int row = 0; row < o.num_windows * o.num_layers; row++) {
    double sum = 0;
    for (int e = 0; e < o.num_experts; e++, load++) {
      CU_ASSERT(*load >= 0 && *load < 0x1p63 && *load == floor(*load));
      sum += *load;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum, o.tokens * o.num_experts, .5 * o.num_experts + 1);
  }
  eplb_loads_destroy(&l);
}

static void loads_are_whole_and_have_the_mean_asked_for(void) {
  shapes_try(1000, 6, check_tokens);
}

/* Enough experts for statistics, enough tokens for rounding not to matter. */
static void large_options(eplb_spread_t spread, double parameter, eplb_generate_options_t *o) {
  eplb_generate_options_init(o);
  o->num_windows = 2;
  o->num_layers = 4;
  o->num_experts = 4096;
  o->spread = spread;
  o->parameter = parameter;
  o->tokens = 0x1p36;
}

static double log_deviation(const double *load, int count) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; i++) {
    sum += log(load[i]);
    squares += log(load[i]) * log(load[i]);
  }
  return sqrt(squares / count - sum / count * (sum / count));
}

static void check_lognormal(double parameter) {
  eplb_generate_options_t o;
  large_options(EPLB_SPREAD_LOGNORMAL, parameter, &o);
  eplb_loads_t *l = generate(&o);
  for (int row = 0; row < o.num_windows * o.num_layers; row++)
    CU_ASSERT_DOUBLE_EQUAL(log_deviation(l->load + row * o.num_experts, o.num_experts), parameter,
                           .05 * parameter); /* of 4096, the deviation's own is 1.1 % */
  eplb_loads_destroy(&l);
}

static void logs_of_lognormal_loads_deviate_by_the_parameter(void) {
  check_lognormal(.25);
  check_lognormal(1);
  check_lognormal(2);
}

static int descending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x < *y) - (*x > *y);
}

static void check_zipf(double parameter) {
  eplb_generate_options_t o;
  large_options(EPLB_SPREAD_ZIPF, parameter, &o);
  eplb_loads_t *l = generate(&o);
  for (int row = 0; row < o.num_windows * o.num_layers; row++) {
    double *load = l->load + row * o.num_experts;
    qsort(load, (size_t)o.num_experts, sizeof *load, descending);
    for (int k = 0; k < o.num_experts; k++) {
      double expected = load[0] * pow(k + 1, -parameter);
      CU_ASSERT_DOUBLE_EQUAL(load[k], expected, 1 + 1e-9 * expected);
    }
  }
  eplb_loads_destroy(&l);
}

static void zipf_loads_fall_with_their_rank(void) {
  check_zipf(.5);
  check_zipf(1);
  check_zipf(2.5);
}

/* Which share of a layer's loads is below `bound`. */
static double share_below(const double *load, int count, double bound) {
  int below = 0;
  for (int i = 0; i < count; i++)
    below += load[i] < bound;
  return (double)below / count;
}

static void uniform_loads_reach_from_0_to_twice_the_mean(void) {
  eplb_generate_options_t o;
  large_options(EPLB_SPREAD_UNIFORM, 7, &o);
  eplb_loads_t *l = generate(&o);
  for (int row = 0; row < o.num_windows * o.num_layers; row++)
    for (int quarter = 1; quarter <= 4; quarter++)
      CU_ASSERT_DOUBLE_EQUAL(share_below(l->load + row * o.num_experts, o.num_experts, o.tokens * quarter / 2),
                             quarter / 4., .03); /* deviation .8 % at most */
  eplb_loads_destroy(&l);
}

/* Parameter 0 is no spread at all. */
static void parameter_0_makes_all_experts_alike(void) {
  for (int spread = EPLB_SPREAD_LOGNORMAL; spread <= EPLB_SPREAD_ZIPF; spread++) {
    eplb_generate_options_t o;
    eplb_generate_options_init(&o);
    o.spread = (eplb_spread_t)spread;
    o.parameter = 0;
    eplb_loads_t *l = generate(&o);
    for (size_t i = 0; i < num_values(l); i++)
      CU_ASSERT_EQUAL(l->load[i], o.tokens);
    eplb_loads_destroy(&l);
  }
}

static double log_correlation(const double *a, const double *b, int count) {
  double x = 0, y = 0, xy = 0;
  for (int i = 0; i < count; i++) {
    x += log(a[i]) / count;
    y += log(b[i]) / count;
  }
  for (int i = 0; i < count; i++)
    xy += (log(a[i]) - x) * (log(b[i]) - y) / count;
  return xy / (log_deviation(a, count) * log_deviation(b, count));
}

/* With the share d of the variance new, neighbouring windows correlate by sqrt(1 - d). */
static void check_drift(double drift) {
  eplb_generate_options_t o;
  large_options(EPLB_SPREAD_LOGNORMAL, 1, &o);
  o.num_windows = 4;
  o.drift = drift;
  eplb_loads_t *l = generate(&o);
  for (int w = 1; w < o.num_windows; w++)
    for (int i = 0; i < o.num_layers; i++) {
      int layer = i * o.num_experts;
      double r = log_correlation(eplb_loads_window(l, w - 1) + layer, eplb_loads_window(l, w) + layer, o.num_experts);
      CU_ASSERT_DOUBLE_EQUAL(r, sqrt(1 - drift), .06); /* deviation 1.6 % at most */
    }
  eplb_loads_destroy(&l);
}

static void drift_is_the_share_that_is_new(void) {
  check_drift(0);
  check_drift(.1);
  check_drift(.5);
  check_drift(1);
}

static void check_no_drift(rng_t *rng) {
  eplb_generate_options_t o;
  random_options(rng, &o);
  o.drift = 0;
  eplb_loads_t *l = generate(&o);
  size_t bytes = (size_t)(o.num_layers * o.num_experts) * sizeof *l->load;
  for (int w = 1; w < o.num_windows; w++)
    CU_ASSERT_EQUAL(memcmp(eplb_loads_window(l, w), l->load, bytes), 0);
  eplb_loads_destroy(&l);
}

static void without_drift_all_windows_are_alike(void) {
  shapes_try(200, 7, check_no_drift);
}

static void layers_are_drawn_each_for_itself(void) {
  eplb_generate_options_t o;
  large_options(EPLB_SPREAD_LOGNORMAL, 1, &o);
  eplb_loads_t *l = generate(&o);
  for (int i = 1; i < o.num_layers; i++)
    CU_ASSERT_DOUBLE_EQUAL(log_correlation(l->load, l->load + i * o.num_experts, o.num_experts), 0, .06);
  eplb_loads_destroy(&l);
}

static void refuse_options(const eplb_generate_options_t *o, const char *text) {
  eplb_loads_t *l = NULL;
  TAP_FAILS(eplb_loads_generate(o, &l), EPLB_ERR_ARGUMENT, text);
  CU_ASSERT_PTR_NULL(l);
}

static void generate_refuses_shapes(void) {
  eplb_generate_options_t good, o;
  eplb_generate_options_init(&good);
  refuse_options(NULL, "NULL");
  o = good, o.size--, refuse_options(&o, "eplb_generate_options_init");
  o = good, o.num_windows = 0, refuse_options(&o, "0 windows");
  o = good, o.num_layers = -1, refuse_options(&o, "-1 layers");
  o = good, o.num_experts = 0, refuse_options(&o, "0 experts");
  o = good, o.num_windows = o.num_layers = INT_MAX, refuse_options(&o, "values");
}

static void generate_refuses_numbers(void) {
  const double parameter[] = {-1, -0x1p-1074, 16.001, NAN, INFINITY}, drift[] = {-.1, 1.001, NAN, INFINITY, -INFINITY},
               tokens[] = {0, .999, -1, 0x1.1p40, NAN};
  eplb_generate_options_t good, o;
  eplb_generate_options_init(&good);
  o = good, o.spread = (eplb_spread_t)(EPLB_SPREAD_UNIFORM + 1), refuse_options(&o, "spread is 3");
  for (int i = 0; i < 5; i++) {
    o = good, o.parameter = parameter[i], refuse_options(&o, "parameter is ");
    o = good, o.drift = drift[i], refuse_options(&o, "drift is ");
    o = good, o.tokens = tokens[i], refuse_options(&o, "tokens is ");
  }
}

/* One expert may get nearly all tokens; no recording may hold 2^63. */
static void generate_refuses_sums_that_no_load_can_be(void) {
  eplb_generate_options_t o;
  eplb_generate_options_init(&o);
  o.num_windows = o.num_layers = 1;
  o.num_experts = 1 << 23;
  o.tokens = 0x1p40;
  refuse_options(&o, "tokens is 1.09951e+12 for each of 8388608 experts");
}

int main(void) {
  static const tap_test_t tests[] = {
      {"new recordings are zero", new_recordings_are_zero},
      {"create refuses sizes below one", create_refuses_sizes_below_one},
      {"create refuses too many values", create_refuses_too_many_values},
      {"destroy accepts nothing", destroy_accepts_nothing},
      {"the largest loads are fine", the_largest_loads_are_fine},
      {"check names the first bad load", check_names_the_first_bad_load},
      {"check refuses sizes and nothing", check_refuses_sizes_and_nothing},
      {"the sum is over windows", the_sum_is_over_windows},
      {"the defaults are as documented", the_defaults_are_as_documented},
      {"the same seed gives the same loads", the_same_seed_gives_the_same_loads},
      {"another seed gives other loads", another_seed_gives_other_loads},
      {"loads are whole and have the mean asked for", loads_are_whole_and_have_the_mean_asked_for},
      {"logs of lognormal loads deviate by the parameter", logs_of_lognormal_loads_deviate_by_the_parameter},
      {"zipf loads fall with their rank", zipf_loads_fall_with_their_rank},
      {"uniform loads reach from 0 to twice the mean", uniform_loads_reach_from_0_to_twice_the_mean},
      {"parameter 0 makes all experts alike", parameter_0_makes_all_experts_alike},
      {"drift is the share that is new", drift_is_the_share_that_is_new},
      {"without drift all windows are alike", without_drift_all_windows_are_alike},
      {"layers are drawn each for itself", layers_are_drawn_each_for_itself},
      {"generate refuses shapes", generate_refuses_shapes},
      {"generate refuses numbers", generate_refuses_numbers},
      {"generate refuses sums that no load can be", generate_refuses_sums_that_no_load_can_be},
      {NULL, NULL}};
  return tap_run("loads", tests);
}
