/* However many ranks plan, and whichever planner: the same placement, bit for bit; and where one of them fails, all
 * return its code and sentence. */
#include "job.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <string.h>

static int rank, num_ranks;

enum { ROUNDS = 4, MANY_LAYERS = 9 };

/* In the second round only every second layer has counts. */
static void run_rounds(eplb_planner_t planner, int plan_ranks, const eplb_trigger_t *trigger, long long hash[ROUNDS]) {
  job_t job;
  eplb_session_options_t o = job_options();
  o.num_layers = MANY_LAYERS;
  job_plan.planner = planner;
  job_plan.num_groups = 1;
  o.plan_ranks = plan_ranks;
  o.trigger = trigger;
  o.history = 3;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &job.session));
  job_furnish(&job);
  for (int round = 0; round < ROUNDS; round++) {
    eplb_report_t report = {.size = sizeof report};
    job_record(&job, round, round == 1);
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK(report.layers_without_load == (round == 1 ? MANY_LAYERS / 2 : 0));
    hash[round] = job_hash_of_maps(&job);
    CHECK(mpi_tap_same(hash[round]));
  }
  CHECK(job_is_whole(&job));
  job_finish(&job);
}

static void compare_numbers(eplb_planner_t planner, const eplb_trigger_t *trigger) {
  long long alone[ROUNDS], together[ROUNDS];
  run_rounds(planner, 1, trigger, alone);
  CHECK(num_ranks == 1 || alone[0] != alone[ROUNDS - 1]);
  for (int plan_ranks = 0; plan_ranks <= num_ranks && plan_ranks <= MANY_LAYERS + 1; plan_ranks++) {
    run_rounds(planner, plan_ranks, trigger, together);
    CHECK(!memcmp(alone, together, sizeof alone));
  }
}

static void any_number_plans_the_same(void) {
  compare_numbers(EPLB_PLANNER_DEEPSEEK, NULL);
  compare_numbers(EPLB_PLANNER_WINDOW, NULL);
  compare_numbers(EPLB_PLANNER_HISTORY, NULL);
  compare_numbers(EPLB_PLANNER_CHAIN, NULL);
  compare_numbers(EPLB_PLANNER_AUTO, NULL);
  mpi_tap_case("any number of ranks plans the same");
}

static void the_trigger_decides_the_same(void) {
  eplb_payback_t payback;
  eplb_trigger_t trigger;
  eplb_payback_init(&payback);
  payback.seconds_per_load = 1;
  eplb_trigger_init(&trigger);
  trigger.payback = &payback;
  trigger.min_windows = 2; /* so that it says no in between */
  compare_numbers(EPLB_PLANNER_HISTORY, &trigger);
  mpi_tap_case("the trigger decides the same");
}

static int fails_at, asked;

static eplb_status_t fail_to_plan(void *arg, eplb_step_t step, void *bytes, size_t size) {
  (void)arg, (void)bytes, (void)size;
  asked += step == EPLB_STEP_PLAN;
  return step == EPLB_STEP_PLAN && rank == fails_at ? eplb_fail(EPLB_ERR_UNSUPPORTED, "cannot plan on %d", rank)
                                                    : EPLB_SUCCESS;
}

/* Ranks that plan are spread evenly. */
static int plans_layers(int at) {
  int planning = num_ranks < JOB_LAYERS ? num_ranks : JOB_LAYERS;
  for (int part = 0; part < planning; part++)
    if (part * num_ranks / planning == at)
      return 1;
  return 0;
}

/* Once the fault is gone, the counts of the rebalance that failed are planned for as if nothing had been. */
static void fail_on(int at, long long expected) {
  job_t job;
  char sentence[64];
  eplb_session_options_t o = job_options();
  o.plan_ranks = num_ranks;
  o.fault = fail_to_plan;
  job_start(&job, &o);
  long long maps = job_hash_of_maps(&job);
  job_record(&job, 0, 0);
  fails_at = at, asked = 0;
  snprintf(sentence, sizeof sentence, num_ranks > 1 ? "rank %d: cannot plan on %d" : "cannot plan on %d", at, at);
  int plans = plans_layers(at);
  eplb_status_t status = eplb_rebalance(job.session, NULL);
  CHECK(status == (plans ? EPLB_ERR_UNSUPPORTED : EPLB_SUCCESS));
  CHECK(!plans || !strcmp(eplb_last_error(), sentence));
  CHECK(!plans || job_hash_of_maps(&job) == maps);
  CHECK(asked == plans || rank != at);
  fails_at = -1;
  CHECK(!plans || eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  CHECK(job_hash_of_maps(&job) == expected && job_is_whole(&job));
  job_finish(&job);
}

static void a_rank_that_fails_is_named_by_all(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  job_start(&job, &o);
  job_record(&job, 0, 0);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  long long expected = job_hash_of_maps(&job);
  job_finish(&job);
  for (int at = 0; at < num_ranks; at++)
    fail_on(at, expected);
  mpi_tap_case("where a rank fails to plan, all return its code and sentence");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  any_number_plans_the_same();
  the_trigger_decides_the_same();
  a_rank_that_fails_is_named_by_all();
  return mpi_tap_end();
}
