/* Whether a rebalance pays. */
#include "tap.h"
#include <eplb/transfer.h>
#include <math.h>
#include <string.h>

/* Two devices on two nodes with two slots each; experts 0 and 1 are busy in the first window, 0 alone in the second. */
typedef struct job {
  eplb_topology_t *topology;
  eplb_placement_t *before, *after;
  eplb_windows_t windows;
  eplb_payback_t payback;
  eplb_trigger_t trigger;
  eplb_decision_t decision;
} job_t;

static const double first[4] = {40, 40, 10, 10}, second[4] = {70, 10, 10, 10};

static eplb_placement_t *place(int a, int b, int c, int d) {
  eplb_placement_t *p = NULL;
  const int32_t row[4] = {a, b, c, d};
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, 4, 4, &p), EPLB_SUCCESS);
  memcpy(p->physical_to_logical, row, sizeof row);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(p), EPLB_SUCCESS);
  return p;
}

/* From 80 and 20 to 50 and 50, of the second window's 80 and 20 again: at 1 ms for each load and expert of 1 GB across
 * 25 GB/s one window saves 30 ms of the first, and moving takes 40. */
static job_t make(void) {
  job_t j = {.before = place(0, 1, 2, 3),
             .after = place(0, 2, 1, 3),
             .windows = {.size = sizeof(eplb_windows_t),
                         .num_windows = 1,
                         .num_layers = 1,
                         .num_experts = 4,
                         .load = {first, second},
                         .weight = {1, 1}}};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 2, 2, &j.topology), EPLB_SUCCESS);
  eplb_payback_init(&j.payback);
  eplb_trigger_init(&j.trigger);
  j.payback.seconds_per_load = 1e-3;
  j.payback.expert_bytes = 1e9;
  return j;
}

static eplb_status_t decide(job_t *j, int since) {
  const eplb_placement_change_t change = {sizeof change, j->topology, j->before, j->after, &j->windows, since};
  j->trigger.payback = &j->payback;
  return eplb_trigger_decide(&j->trigger, &change, &j->decision);
}

static void end(job_t *j) {
  eplb_placement_destroy(&j->before);
  eplb_placement_destroy(&j->after);
  eplb_topology_destroy(&j->topology);
}

static void what_pays_is_done(void) {
  job_t j = make();
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.saved_seconds, .03, 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.cost_seconds, .04, 1e-12);
  CU_ASSERT(!j.decision.rebalance);
  CU_ASSERT_STRING_EQUAL(j.decision.reason, "stay: saves 30 ms in 1 window, moving takes 40 ms, 1.5 times that is "
                                            "wanted; balance 0.625 -> 1.000");
  j.payback.horizon = 2; /* the same as 1.5 times the cost: not more */
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT(!j.decision.rebalance);
  j.payback.horizon = 2.1;
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT(j.decision.rebalance);
  CU_ASSERT_PTR_NOT_NULL(strstr(j.decision.reason, "rebalance: saves 63 ms in 2.1 windows"));
  end(&j);
}

/* In the second window the busiest device has 80 either way. */
static void all_windows_count_by_their_weights(void) {
  job_t j = make();
  j.windows.num_windows = 2;
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.saved_seconds, .015, 1e-12);
  j.windows.weight[1] = 3;
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.saved_seconds, .0075, 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.balance_after, .25 + .75 * .625, 1e-12);
  j.windows.weight[0] = .5e308, j.windows.weight[1] = 1.5e308; /* only ratios matter: their sum is not a number */
  CU_ASSERT_EQUAL(decide(&j, 1), EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(j.decision.saved_seconds, .0075, 1e-12);
  end(&j);
}

static void not_too_often_and_never_for_nothing(void) {
  job_t j = make();
  j.payback.horizon = 100;
  j.trigger.min_windows = 5;
  CU_ASSERT_EQUAL(decide(&j, 4), EPLB_SUCCESS);
  CU_ASSERT(!j.decision.rebalance);
  CU_ASSERT_STRING_EQUAL(j.decision.reason, "stay: 4 windows since the last rebalance, at least 5 wanted");
  CU_ASSERT_EQUAL(decide(&j, 5), EPLB_SUCCESS);
  CU_ASSERT(j.decision.rebalance);
  memcpy(j.after->physical_to_logical, j.before->physical_to_logical, 4 * sizeof(int32_t));
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(j.after), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(decide(&j, 5), EPLB_SUCCESS);
  CU_ASSERT(!j.decision.rebalance && j.decision.cost_seconds == 0 && j.decision.saved_seconds == 0);
  end(&j);
}

static void a_cost_that_is_not_told_is_refused(void) {
  job_t j = make();
  CU_ASSERT_EQUAL(decide(&j, 0), EPLB_SUCCESS);
  TAP_FAILS(decide(&j, -1), EPLB_ERR_ARGUMENT, "windows_since is -1; expected 0 or more");
  j.payback.expert_bytes = 0;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_ARGUMENT, "expert_bytes of the payback is 0; expected the bytes of one expert");
  end(&j);
}

static void what_cannot_be_decided_is_refused(void) {
  job_t j = make();
  eplb_topology_t *other = NULL, *own = j.topology;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 3, 2, &other), EPLB_SUCCESS);
  strcpy(j.decision.reason, "as it was");
  j.topology = other;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_SHAPE, "4 slots for a topology of 6");
  j.topology = own;
  j.trigger.hysteresis = NAN;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_ARGUMENT, "hysteresis is nan");
  j.trigger.hysteresis = 1;
  j.trigger.min_windows = 0;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_ARGUMENT, "min_windows is 0");
  j.trigger.size = 1;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_ARGUMENT, "trigger options of 1 byte");
  eplb_trigger_init(&j.trigger);
  j.windows.num_windows = 0;
  TAP_FAILS(decide(&j, 1), EPLB_ERR_ARGUMENT, "0 windows");
  CU_ASSERT_STRING_EQUAL(j.decision.reason, "as it was");
  eplb_topology_destroy(&other);
  end(&j);
}

int main(void) {
  static const tap_test_t tests[] = {{"what pays is done", what_pays_is_done},
                                     {"all windows count by their weights", all_windows_count_by_their_weights},
                                     {"not too often, and never for nothing", not_too_often_and_never_for_nothing},
                                     {"a cost that is not told is refused", a_cost_that_is_not_told_is_refused},
                                     {"what cannot be decided is refused", what_cannot_be_decided_is_refused},
                                     {NULL, NULL}};
  return tap_run("trigger", tests);
}
