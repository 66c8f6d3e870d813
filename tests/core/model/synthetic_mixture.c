/* Made-up loads that are mixtures of domains. */
#include "core/model/synthetic.h"
#include "tap.h"
#include <eplb/loads.h>
#include <math.h>
#include <string.h>

enum { EXPERTS = 4096, WINDOWS = 6 };

static eplb_loads_t *make(int domains, double drift) {
  eplb_generate_options_t o;
  eplb_loads_t *l = NULL;
  eplb_generate_options_init(&o);
  o.num_windows = WINDOWS;
  o.num_layers = 1;
  o.num_experts = EXPERTS;
  o.num_domains = domains;
  o.parameter = .74;
  o.drift = drift;
  o.tokens = 1e6;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_generate(&o, &l), EPLB_SUCCESS);
  return l;
}

/* Deviation of log(a / b), or with b NULL of log(a), over experts. */
static double deviation(const double *a, const double *b) {
  double sum = 0, squares = 0;
  for (int e = 0; e < EXPERTS; e++) {
    double x = log(b ? a[e] / b[e] : a[e]);
    sum += x / EXPERTS;
    squares += x * x / EXPERTS;
  }
  return sqrt(squares - sum * sum);
}

static void one_domain_is_a_profile_and_changes_of_its_own(void) {
  eplb_loads_t *l = make(1, .5);
  for (int w = 0; w < WINDOWS; w++)
    CU_ASSERT_DOUBLE_EQUAL(deviation(eplb_loads_window(l, w), NULL), sqrt(.74 * .74 + .27 * .27), .03);
  for (int w = 1; w < WINDOWS; w++)
    CU_ASSERT_DOUBLE_EQUAL(deviation(eplb_loads_window(l, w), eplb_loads_window(l, w - 1)), .27 * sqrt(2), .015);
  eplb_loads_destroy(&l);
}

/* With weights that stay, only an expert's own changes are left; as the weights drift, so do all experts. */
static void drift_is_of_the_mixture(void) {
  eplb_loads_t *still = make(4, 0), *drifting = make(4, 1);
  double changes = 0;
  for (int w = 1; w < WINDOWS; w++) {
    CU_ASSERT_DOUBLE_EQUAL(deviation(eplb_loads_window(still, w), eplb_loads_window(still, w - 1)), .27 * sqrt(2),
                           .015);
    changes += deviation(eplb_loads_window(drifting, w), eplb_loads_window(drifting, w - 1)) / (WINDOWS - 1);
  }
  CU_ASSERT(changes > .27 * sqrt(2) + .05);
  eplb_loads_destroy(&still);
  eplb_loads_destroy(&drifting);
}

static void what_no_domains_can_be_is_refused(void) {
  eplb_generate_options_t o;
  eplb_loads_t *l = NULL;
  eplb_generate_options_init(&o);
  o.num_domains = -1;
  TAP_FAILS(eplb_loads_generate(&o, &l), EPLB_ERR_ARGUMENT, "-1 domains; expected 0 to 64");
  o.num_domains = 65;
  TAP_FAILS(eplb_loads_generate(&o, &l), EPLB_ERR_ARGUMENT, "65 domains");
  o.num_domains = 2;
  o.spread = EPLB_SPREAD_UNIFORM;
  TAP_FAILS(eplb_loads_generate(&o, &l), EPLB_ERR_ARGUMENT, "expected lognormal");
  CU_ASSERT_PTR_NULL(l);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"one domain is a profile and changes of its own", one_domain_is_a_profile_and_changes_of_its_own},
      {"drift is of the mixture", drift_is_of_the_mixture},
      {"what no domains can be is refused", what_no_domains_can_be_is_refused},
      {NULL, NULL}};
  return tap_run("synthetic mixture", tests);
}
