/* A session that rebalances only when it pays: what it decides, whom it tells, and how the environment overrides. */
#include "job.h"
#include "mpi_tap.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;

/* What a session is told, all in one, and what it has said. */
typedef struct wish {
  eplb_session_options_t options;
  eplb_payback_t payback;
  eplb_trigger_t trigger;
  int lines;
  char line[EPLB_REASON_MAX];
} wish_t;

static void hear(void *arg, const char *line) {
  wish_t *w = arg;
  w->lines++;
  strcpy(w->line, line);
}

/* The new placement serves `windows` of them; with a trigger at most every second rebalance does anything. */
static void wish_make(wish_t *w, double windows) {
  *w = (wish_t){.options = job_options()};
  eplb_payback_init(&w->payback);
  eplb_trigger_init(&w->trigger);
  w->payback.seconds_per_load = 1e-6;
  w->payback.horizon = windows;
  w->trigger.min_windows = 2;
  job_plan.planner = EPLB_PLANNER_HISTORY;
  job_plan.policy = EPLB_POLICY_AUTO;
  job_plan.num_groups = 1;
  w->trigger.payback = &w->payback;
  w->options.trigger = &w->trigger;
  w->options.log = hear;
  w->options.log_arg = w;
}

/* A variable makes one that goes by the planner's payback, for which auto chooses the window planner. */
static void drop_trigger(wish_t *w) {
  w->options.trigger = NULL;
  job_plan.planner = EPLB_PLANNER_AUTO;
  job_plan.balance = .9999; /* two ranks are soon balanced */
  job_plan.payback = &w->payback;
}

static int starts_with(const char *text, const char *start) {
  return !strncmp(text, start, strlen(start));
}

/* Rank 0 has the decision and has heard of it once; the others know of neither. */
static void check_told(const wish_t *w, const eplb_decision_t *d, int lines, int moved, const char *reason) {
  if (rank > 0) {
    CHECK(!*d->reason && !d->rebalance && w->lines == 0);
    return;
  }
  CHECK(starts_with(d->reason, reason) && !strchr(d->reason, '\n'));
  CHECK(d->rebalance == moved && w->lines == lines && !strcmp(w->line, d->reason));
}

/* Three rebalances, of which the second alone may move anything: nothing pays while moving is dear, nor too soon. */
static void play(wish_t *w, int pays, const char *no) {
  job_t job;
  job_start(&job, &w->options);
  for (int round = 0; round < 3; round++) {
    eplb_report_t report = {.size = sizeof report};
    int moves = pays && round == 1, too_soon = round == 0 || (pays && round == 2);
    job_record(&job, round, 0);
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK((report.slots_changed > 0) == moves && job_is_whole(&job));
    check_told(w, &report.decision, round + 1, moves,
               too_soon ? "stay: 1 window since"
               : moves  ? "rebalance: saves"
                        : no);
    CHECK(rank > 0 || (report.decision.cost_seconds > 0 && report.decision.balance_before > 0));
  }
  job_finish(&job);
}

static void only_what_pays_is_moved(void) {
  wish_t w;
  for (int pays = 0; pays <= 1 && num_ranks > 1; pays++) {
    wish_make(&w, pays ? 1e12 : 1e-12);
    play(&w, pays, "stay: saves");
  }
  mpi_tap_case("only what pays is moved, and not too often; one line says why");
}

static void the_environment_overrides(void) {
  wish_t w;
  for (int given = 0; given <= 1 && num_ranks > 1; given++) { /* a trigger of the job's own, or none */
    wish_make(&w, 1e12);
    w.trigger.min_windows = 1;
    if (!given)
      drop_trigger(&w);
    setenv("EPLB_MIN_WINDOWS", "2", 1);
    play(&w, 1, "");
    wish_make(&w, 1e12);
    if (!given)
      drop_trigger(&w);
    setenv("EPLB_HYSTERESIS", "1e300", 1);
    play(&w, 0, "stay: saves");
    unsetenv("EPLB_MIN_WINDOWS");
    unsetenv("EPLB_HYSTERESIS");
  }
  mpi_tap_case("the environment overrides a trigger, or makes one");
}

static void nothing_counted_is_a_reason(void) {
  job_t job;
  wish_t w;
  eplb_report_t report = {.size = sizeof report};
  wish_make(&w, 1e12);
  job_start(&job, &w.options);
  CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
  CHECK(report.slots_changed == 0);
  check_told(&w, &report.decision, 1, 0, "stay: no tokens were counted");
  job_finish(&job);

  wish_make(&w, 1e12);
  w.options.trigger = NULL;
  job_start(&job, &w.options);
  CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
  CHECK(!*report.decision.reason && w.lines == 0);
  job_finish(&job);
  mpi_tap_case("no tokens are a reason, too; without a trigger nothing is decided");
}

static eplb_status_t fail(void *arg, eplb_step_t step, void *bytes, size_t size) {
  (void)bytes, (void)size;
  return step == *(eplb_step_t *)arg && rank == num_ranks - 1 ? eplb_fail(EPLB_ERR_INTERNAL, "injected") : EPLB_SUCCESS;
}

static void what_fails_is_not_told(void) {
  job_t job;
  wish_t w;
  eplb_step_t step = EPLB_STEP_BROADCAST;
  wish_make(&w, 1e12);
  w.options.fault = fail;
  w.options.fault_arg = &step;
  job_start(&job, &w.options);
  job_record(&job, 0, 0);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_ERR_INTERNAL);
  CHECK(w.lines == 0);
  step = EPLB_NUM_STEPS;
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  CHECK(w.lines == (rank == 0));
  job_finish(&job);
  mpi_tap_case("a decision that did not reach all ranks is not told");
}

static void check_refused(const wish_t *w, eplb_status_t expected, const char *text) {
  eplb_session_t *untouched = NULL;
  CHECK(eplb_session_create(MPI_COMM_WORLD, &w->options, &untouched) == expected && !untouched);
  CHECK(mpi_tap_same_text(eplb_last_error()) && strstr(eplb_last_error(), text));
}

static void what_is_no_trigger_is_refused(void) {
  wish_t w;
  wish_make(&w, 1);
  w.trigger.payback = NULL;
  check_refused(&w, EPLB_ERR_ARGUMENT, "a trigger without a payback");
  wish_make(&w, 1);
  job_plan.payback = &w.payback;
  check_refused(&w, EPLB_ERR_UNSUPPORTED, "payback is set, which the history planner cannot use");
  wish_make(&w, 1);
  w.trigger.min_windows = 0;
  check_refused(&w, EPLB_ERR_ARGUMENT, "min_windows is 0");
  wish_make(&w, 1);
  w.trigger.hysteresis = INFINITY;
  check_refused(&w, EPLB_ERR_ARGUMENT, "hysteresis is inf");
  wish_make(&w, 1);
  w.trigger.size = 1;
  check_refused(&w, EPLB_ERR_ARGUMENT, "trigger options of 1 byte");
  mpi_tap_case("a trigger that cannot tell what pays");
}

static void variables_are_refused_by_name(void) {
  static const struct {
    const char *name, *value, *text;
  } wrong[] = {{"EPLB_MIN_WINDOWS", "0", "EPLB_MIN_WINDOWS is \"0\"; expected a whole number of 1 or more"},
               {"EPLB_HYSTERESIS", "much", "EPLB_HYSTERESIS is \"much\"; expected a number"},
               {"EPLB_HYSTERESIS", "0.5", "EPLB_HYSTERESIS is \"0.5\"; expected a number"}};
  wish_t w;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    wish_make(&w, 1);
    if (rank == num_ranks - 1)
      setenv(wrong[i].name, wrong[i].value, 1);
    check_refused(&w, EPLB_ERR_ARGUMENT, wrong[i].text);
    unsetenv(wrong[i].name);
  }
  wish_make(&w, 1);
  setenv("EPLB_HYSTERESIS", rank ? "3" : "2", 1);
  if (num_ranks > 1)
    check_refused(&w, EPLB_ERR_MISMATCH, "hysteresis");
  w.options.trigger = NULL;
  check_refused(&w, EPLB_ERR_ARGUMENT, "EPLB_HYSTERESIS is for a trigger, and neither plan->payback");
  unsetenv("EPLB_HYSTERESIS");
  mpi_tap_case("variables that make no trigger are refused by name");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  only_what_pays_is_moved();
  the_environment_overrides();
  nothing_counted_is_a_reason();
  what_fails_is_not_told();
  what_is_no_trigger_is_refused();
  variables_are_refused_by_name();
  return mpi_tap_end();
}
