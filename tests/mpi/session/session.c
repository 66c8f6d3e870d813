/* The whole way of a session, at any number of ranks: counts in, weights and maps out. */
#include "failing_memory.h"
#include "job.h"
#include "mpi/memory/host.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int num_ranks;

static void rounds_move_weights(void) {
  for (int nodes = 1; nodes <= 3 && nodes <= num_ranks; nodes++) {
    job_t job;
    eplb_session_options_t o = job_options();
    eplb_topology_t *topology = job_deal_topology(nodes, o.slots_per_rank);
    o.topology = topology;
    job_plan.forecast = EPLB_FORECAST_LAST; /* so that the newest window is balanced */
    job_start(&job, &o);
    eplb_topology_destroy(&topology);
    int64_t moved = 0;
    for (int round = 0; round < 4; round++) {
      eplb_report_t report = {.size = sizeof report};
      job_record(&job, round, 0);
      CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
      CHECK(job_is_whole(&job));
      CHECK(mpi_tap_same(job_hash_of_maps(&job)));
      CHECK(mpi_tap_same(report.slots_changed));
      CHECK(report.layers_committed == report.layers_planned);
      CHECK(report.staging_peak <= report.staging_limit);
      CHECK(report.balancedness_after >= report.balancedness_before - 1e-6 || num_ranks == 1);
      CHECK(report.verified == (round == 0 || moved == 0));
      moved += report.slots_changed;
    }
    CHECK(num_ranks == 1 || moved > 0);
    job_finish(&job);
  }
  mpi_tap_case("rounds move weights, checked byte by byte");
}

/* A neighbour reads such weights where they lie; without shared memory they are as any others. */
static void weights_in_session_memory(size_t shared_bytes, int by_table) {
  job_t job = {0};
  eplb_session_options_t o = job_options();
  o.shared_bytes = shared_bytes;
  MPI_Comm_rank(MPI_COMM_WORLD, &job.rank);
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &job.session));
  CHECK(!weights_create(JOB_LAYERS, o.slots_per_rank, by_table ? o.slots_per_rank : 0, JOB_EXPERT_BYTES, job.session,
                        &job.weights));
  weights_fill(&job.weights, eplb_session_placement(job.session), eplb_session_topology(job.session), job.rank);
  CHECK(!weights_register(&job.weights, job.session));
  for (int round = 0; round < 3; round++) {
    eplb_report_t report = {.size = sizeof report};
    job_record(&job, round, 0);
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK(num_ranks == 1 || report.slots_changed > 0);
    CHECK(job_is_whole(&job) && mpi_tap_same(job_hash_of_maps(&job)));
  }
  job_finish(&job);
}

static void the_session_gives_memory(void) {
  for (int by_table = 0; by_table < 2; by_table++) {
    weights_in_session_memory(1 << 20, by_table);
    weights_in_session_memory(8 * 64, by_table); /* chunks of a cache line */
    weights_in_session_memory(0, by_table);
  }
  mpi_tap_case("weights in memory that the session gives");
}

/* At the second rebalance the counts are the same: only layers that could not be balanced well are tried again. */
static void the_default_planner_lets_lie(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  job_plan.planner = EPLB_PLANNER_WINDOW;
  job_plan.num_groups = 1;
  job_start(&job, &o);
  int64_t first = 0;
  for (int again = 0; again < 2; again++) {
    eplb_report_t report = {.size = sizeof report};
    job_record(&job, 0, 0);
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK(job_is_whole(&job));
    CHECK(mpi_tap_same(job_hash_of_maps(&job)));
    CHECK(report.balancedness_after >= report.balancedness_before - 1e-9);
    CHECK(!again || report.slots_changed <= first / 2);
    first = report.slots_changed;
  }
  job_finish(&job);
  mpi_tap_case("the default planner moves what gains, and little twice");
}

/* Planning takes as long as rank 0 sleeps; of that, nothing may count as broadcasting. */
enum { NAP_MILLISECONDS = 100 };

static eplb_status_t nap(void *arg, eplb_step_t step, void *bytes, size_t size) {
  const struct timespec time = {.tv_nsec = NAP_MILLISECONDS * 1000000L};
  (void)arg, (void)bytes, (void)size;
  if (step == EPLB_STEP_PLAN)
    nanosleep(&time, NULL);
  return EPLB_SUCCESS;
}

static void the_report_says_what_planned(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  eplb_report_t report = {.size = sizeof report};
  int64_t count[JOB_EXPERTS] = {0};
  job_plan.planner = EPLB_PLANNER_AUTO;
  job_plan.num_groups = 1;
  o.fault = nap;
  job_start(&job, &o);
  eplb_plan_options_t resolved;
  eplb_plan_options_init(&resolved);
  CHECK(!eplb_session_plan_options(job.session, &resolved) && resolved.planner == EPLB_PLANNER_AUTO);
  count[JOB_EXPERTS - 1] = 1000 * (1 + job.rank); /* which has one replica */
  CHECK(eplb_session_record(job.session, 1, count) == EPLB_SUCCESS);
  CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
  CHECK(report.planner == EPLB_PLANNER_AUTO && report.policy == EPLB_POLICY_GLOBAL);
  CHECK(report.layers_without_load == JOB_LAYERS - 1);
  CHECK(num_ranks == 1 || report.balancedness_before < 1); /* of the one layer that has load */
  CHECK(report.seconds_reduce + report.seconds_plan >= NAP_MILLISECONDS * 1e-3 / 2);
  job_finish(&job);
  mpi_tap_case("the report says what planned, and for which layers");
}

/* Options up to the memory, plan options up to balance, a report up to its bytes; what is behind them stays. */
static void structs_of_older_programs(void) {
  eplb_session_t *session = NULL;
  eplb_session_options_t o = job_options();
  job_plan.size = offsetof(eplb_plan_options_t, balance);
  memset((char *)&job_plan + job_plan.size, 0xa5, sizeof job_plan - job_plan.size);
  o.size = offsetof(eplb_session_options_t, memory);
  memset((char *)&o + o.size, 0xa5, sizeof o - o.size);
  CHECK(eplb_session_create(MPI_COMM_WORLD, &o, &session) == EPLB_SUCCESS);
  job_t job = {.session = session};
  job_furnish(&job);
  eplb_report_t report;
  memset(&report, 0xa5, sizeof report);
  report.size = offsetof(eplb_report_t, bytes);
  job_record(&job, 1, 0);
  CHECK(eplb_rebalance(session, &report) == EPLB_SUCCESS && job_is_whole(&job));
  CHECK(report.layers_committed == report.layers_planned && report.size == offsetof(eplb_report_t, bytes));
  for (size_t i = report.size; i < sizeof report; i++)
    CHECK(((const unsigned char *)&report)[i] == 0xa5);
  job_record(&job, 2, 0);
  CHECK(eplb_rebalance_begin(session) == EPLB_SUCCESS);
  report.size = job.rank == num_ranks - 1 ? 0 : sizeof report;
  CHECK(eplb_rebalance_end(session, &report) == EPLB_ERR_ARGUMENT);
  CHECK(mpi_tap_same_text(eplb_last_error()) && strstr(eplb_last_error(), "report has the size 0"));
  CHECK(eplb_rebalance_end(session, NULL) == EPLB_SUCCESS); /* it was still open */
  CHECK(eplb_rebalance(session, &report) == EPLB_ERR_ARGUMENT);
  CHECK(eplb_rebalance_end(session, NULL) == EPLB_ERR_STATE);
  job_finish(&job);
  mpi_tap_case("structs of older programs");
}

/* A layer whose slots all change takes its row and two numbers; one that does not change takes nothing. */
static void only_changes_are_broadcast(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  eplb_report_t still = {.size = sizeof still}, report = {.size = sizeof report};
  int64_t count[JOB_EXPERTS] = {0};
  job_start(&job, &o);
  CHECK(eplb_rebalance(job.session, &still) == EPLB_SUCCESS);
  count[JOB_EXPERTS - 1] = 1000; /* which has one replica */
  CHECK(eplb_session_record(job.session, 1, count) == EPLB_SUCCESS);
  CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
  int64_t row = (int64_t)sizeof(int32_t) * eplb_session_placement(job.session)->num_slots, head = still.bytes_broadcast;
  CHECK(still.slots_changed == 0 && head > 0 && head < 100);
  CHECK(report.bytes_broadcast >= head && report.bytes_broadcast <= head + row + 8);
  CHECK((report.bytes_broadcast > head) == (report.layers_planned > 0));
  CHECK(num_ranks == 1 || report.layers_planned == 1);
  CHECK(mpi_tap_same(report.bytes_broadcast) && job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("only changes are broadcast");
}

static void detection_serves_too(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  job_start(&job, &o);
  CHECK(eplb_session_topology(job.session)->num_devices == num_ranks);
  job_record(&job, 0, 0);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("a session detects its own topology");
}

/* Declared nodes give way to those that are there; what the slots hold stays. */
static void the_machine_is_seen_anew(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  eplb_topology_t *declared = job_deal_topology(num_ranks, o.slots_per_rank);
  o.topology = declared;
  job_start(&job, &o);
  eplb_topology_destroy(&declared);
  const eplb_topology_t *t = eplb_session_topology(job.session);
  long long maps = job_hash_of_maps(&job);
  CHECK(t->declared && eplb_topology_num_nodes(t) == num_ranks);
  CHECK(eplb_session_redetect(job.session) == EPLB_SUCCESS);
  CHECK(t == eplb_session_topology(job.session) && !t->declared && eplb_topology_num_nodes(t) == 1);
  CHECK(eplb_topology_num_slots(t) == num_ranks * o.slots_per_rank && job_hash_of_maps(&job) == maps);
  job_record(&job, 0, 0);
  CHECK(eplb_rebalance_begin(job.session) == EPLB_SUCCESS);
  CHECK(eplb_session_redetect(job.session) == EPLB_ERR_STATE);
  CHECK(eplb_rebalance_end(job.session, NULL) == EPLB_SUCCESS);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("a session sees the machine anew");
}

/* Tokens of all ranks together, which rank 0 has counted. */
static void record_on_first(const job_t *job, int round, double *load) {
  int64_t count[JOB_EXPERTS];
  for (int l = 0; l < JOB_LAYERS; l++) {
    for (int e = 0; e < JOB_EXPERTS; e++) {
      count[e] = 1 + (e * (round + 2) + 3 * l) % 17 * (e % (round + 2) ? 5 : 40);
      load[l * JOB_EXPERTS + e] = (double)count[e];
    }
    if (job->rank == 0)
      CHECK(eplb_session_record(job->session, l, count) == EPLB_SUCCESS);
  }
}

/* Round by round as eplb_plan does when it is given the windows so far, as many as are remembered. */
static void plan_as_eplb_plan_does(eplb_planner_t planner) {
  job_t job;
  double load[JOB_LAYERS * JOB_EXPERTS];
  eplb_history_t *history;
  eplb_session_options_t o = job_options();
  job_plan.planner = planner;
  job_plan.num_groups = 1;
  job_plan.max_moves = 6;
  o.history = 3;
  job_start(&job, &o);
  CHECK(eplb_history_create(JOB_LAYERS, JOB_EXPERTS, o.history, EPLB_HISTORY_DECAY, &history) == EPLB_SUCCESS);
  for (int round = 0; round < 5; round++) {
    eplb_placement_t *before, *expected = NULL;
    eplb_windows_t windows = {.size = sizeof windows};
    const eplb_placement_t *now = eplb_session_placement(job.session);
    CHECK(eplb_placement_copy(now, &before) == EPLB_SUCCESS);
    record_on_first(&job, round, load);
    CHECK(eplb_history_add(history, load) == EPLB_SUCCESS);
    CHECK(eplb_history_windows(history, &windows) == EPLB_SUCCESS &&
          windows.num_windows == (round < 3 ? round + 1 : 3));
    CHECK(eplb_plan(&job_plan, eplb_session_topology(job.session), &windows, before, &expected) == EPLB_SUCCESS);
    eplb_report_t report = {.size = sizeof report};
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK(report.planner == planner);
    CHECK(report.policy == EPLB_POLICY_GLOBAL || planner == EPLB_PLANNER_WINDOW);
    CHECK(!memcmp(expected->physical_to_logical, now->physical_to_logical,
                  (size_t)JOB_LAYERS * (size_t)now->num_slots * sizeof(int32_t)));
    CHECK(job_is_whole(&job));
    eplb_placement_destroy(&before);
    eplb_placement_destroy(&expected);
  }
  eplb_history_destroy(&history);
  job_finish(&job);
}

static void a_session_plans_as_eplb_plan_does(void) {
  for (eplb_planner_t planner = EPLB_PLANNER_AUTO; planner <= EPLB_PLANNER_CHAIN; planner++)
    if (planner != EPLB_PLANNER_DEEPSEEK) /* which cannot use max_moves */
      plan_as_eplb_plan_does(planner);
  mpi_tap_case("a session plans as eplb_plan does, from the windows so far");
}

/* Bytes that a session of so many windows asks for until its first rebalance has ended. */
static size_t ask_for(int windows) {
  job_t job;
  eplb_session_options_t o = job_options();
  o.history = windows;
  size_t before = failing_memory_asked();
  job_start(&job, &o);
  job_record(&job, 0, 0);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  size_t asked = failing_memory_asked() - before;
  job_finish(&job);
  return asked;
}

static void rank_0_alone_keeps_the_windows(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  size_t one = ask_for(1), all = ask_for(EPLB_HISTORY_MAX);
  CHECK(all - one == (rank ? 0 : sizeof(double) * (EPLB_HISTORY_MAX - 1) * JOB_LAYERS * JOB_EXPERTS));
  mpi_tap_case("the windows are kept on rank 0, 8 bytes for each layer and expert");
}

static void one_expert_is_enough(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  o.num_experts = 1;
  o.slots_per_rank = 2;
  job_plan.num_groups = 1;
  job_start(&job, &o);
  for (int round = 0; round < 3; round++) {
    job_record(&job, round, round == 1);
    CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
    CHECK(mpi_tap_same(job_hash_of_maps(&job)) && job_is_whole(&job));
  }
  job_finish(&job);
  mpi_tap_case("one expert only");
}

static void layers_without_counts_stay(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  job_start(&job, &o);
  eplb_placement_t *before;
  CHECK(eplb_placement_copy(eplb_session_placement(job.session), &before) == EPLB_SUCCESS);
  job_record(&job, 1, 1);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  const eplb_placement_t *after = eplb_session_placement(job.session);
  for (int l = 1; l < JOB_LAYERS; l += 2)
    CHECK(!memcmp(before->physical_to_logical + l * before->num_slots,
                  after->physical_to_logical + l * before->num_slots, (size_t)before->num_slots * sizeof(int32_t)));
  eplb_report_t report = {.size = sizeof report};
  CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS); /* nothing was counted since */
  CHECK(report.layers_planned == 0 && report.slots_changed == 0);
  CHECK(job_is_whole(&job));
  eplb_placement_destroy(&before);
  job_finish(&job);
  mpi_tap_case("layers without counts keep their placement");
}

/* Tests until a layer is named, as a job would between its steps; ranks that compute longer call later, but equally
 * often. */
static void parts_give_the_same(void) {
  job_t whole, parts;
  eplb_session_options_t o = job_options();
  job_start(&whole, &o);
  job_start(&parts, &o);
  job_record(&whole, 2, 0);
  job_record(&parts, 2, 0);
  CHECK(eplb_rebalance(whole.session, NULL) == EPLB_SUCCESS);
  CHECK(eplb_rebalance_begin(parts.session) == EPLB_SUCCESS);
  int layer = EPLB_LAYER_NONE, calls = 0;
  while (layer != EPLB_LAYER_DONE) {
    CHECK(job_is_whole(&parts)); /* old weights of all layers that are not committed */
    CHECK(eplb_rebalance_test(parts.session, &layer) == EPLB_SUCCESS);
    CHECK(mpi_tap_same(layer));
    if (layer >= 0)
      CHECK(eplb_rebalance_commit(parts.session, layer) == EPLB_SUCCESS);
    calls++;
  }
  CHECK(mpi_tap_same(calls));
  CHECK(eplb_rebalance_end(parts.session, NULL) == EPLB_SUCCESS);
  CHECK(job_is_whole(&parts));
  CHECK(job_hash_of_maps(&parts) == job_hash_of_maps(&whole));
  job_finish(&parts);
  job_finish(&whole);
  mpi_tap_case("begin, test and commit give what the whole call gives");
}

static void an_early_end_calls_off(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  job_start(&job, &o);
  for (int commits = 0; commits < 3; commits++) {
    job_record(&job, commits, 0);
    CHECK(eplb_rebalance_begin(job.session) == EPLB_SUCCESS);
    int layer = EPLB_LAYER_NONE;
    for (int i = 0; i < commits && layer != EPLB_LAYER_DONE; i++)
      if (eplb_rebalance_wait(job.session, &layer) == EPLB_SUCCESS && layer >= 0)
        CHECK(eplb_rebalance_commit(job.session, layer) == EPLB_SUCCESS);
    eplb_report_t report = {.size = sizeof report};
    CHECK(eplb_rebalance_end(job.session, &report) == EPLB_SUCCESS);
    CHECK(report.layers_committed <= commits);
    CHECK(job_is_whole(&job) && mpi_tap_same(job_hash_of_maps(&job)));
  }
  job_record(&job, 3, 0);
  CHECK(eplb_rebalance(job.session, NULL) == EPLB_SUCCESS);
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("an early end keeps what is committed and drops the rest");
}

static size_t largest; /* allocation that scarce_allocate grants */

static eplb_status_t scarce_allocate(void *self, size_t bytes, void **memory) {
  return bytes > largest ? EPLB_ERR_MEMORY : eplb_memory_host()->allocate(self, bytes, memory);
}

static void staging_takes_what_there_is(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  eplb_memory_t scarce = *eplb_memory_host();
  scarce.allocate = scarce_allocate;
  o.memory = &scarce;
  for (int is_scarce = 0; is_scarce < 2; is_scarce++) {
    eplb_report_t report = {.size = sizeof report};
    largest = is_scarce ? largest : SIZE_MAX;
    job_start(&job, &o);
    job_record(&job, 0, 0);
    CHECK(!eplb_rebalance(job.session, &report));
    CHECK(job_is_whole(&job));
    CHECK(num_ranks == 1 || report.slots_changed > 0);
    largest = report.staging_peak;
    job_finish(&job);
  }
  mpi_tap_case("staging takes what it needs where there is no more");
}

static void staging_is_bounded(void) {
  job_t job;
  eplb_session_options_t o = job_options();
  o.slots_per_rank = (JOB_EXPERTS + num_ranks - 1) / num_ranks;
  o.staging_bytes = JOB_EXPERT_BYTES + 16;
  job_start(&job, &o);
  for (int round = 0; round < 2; round++) {
    eplb_report_t report = {.size = sizeof report};
    job_record(&job, round, 0);
    CHECK(eplb_rebalance(job.session, &report) == EPLB_SUCCESS);
    CHECK(report.staging_limit == o.staging_bytes && report.staging_peak <= o.staging_bytes);
  }
  CHECK(job_is_whole(&job));
  job_finish(&job);

  o.staging_bytes = 1;
  job_start(&job, &o);
  job_record(&job, 0, 0);
  eplb_status_t status = eplb_rebalance(job.session, NULL);
  CHECK(status == (num_ranks == 1 ? EPLB_SUCCESS : EPLB_ERR_SHAPE));
  CHECK(num_ranks == 1 || strstr(eplb_last_error(), "staging"));
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("staging stays within what is configured");
}

/* A session whose node is the level `level`; how many nodes it has, or 0 if it is refused. */
static int nodes_of_session(const eplb_topology_t *topology, const char *level) {
  eplb_session_options_t o = job_options();
  eplb_session_t *session = NULL;
  o.topology = topology;
  snprintf(o.node_level, sizeof o.node_level, "%s", level);
  eplb_status_t status = eplb_session_create(MPI_COMM_WORLD, &o, &session);
  CHECK(mpi_tap_same(status) && (status == EPLB_SUCCESS || status == EPLB_ERR_ARGUMENT));
  CHECK(!status || strstr(eplb_last_error(), "and the topology has no such level"));
  int nodes = session ? eplb_topology_num_nodes(eplb_session_topology(session)) : 0;
  eplb_session_destroy(&session);
  return nodes;
}

/* Each rank is a host of its own, and all are in one NVLink domain. */
static void a_level_can_be_the_node(void) {
  static const char *const names[] = {"nvl", "node"};
  int domain[2 * 16] = {0}, slots[16];
  eplb_topology_t *t = NULL;
  CHECK(num_ranks <= 16);
  for (int r = 0; r < num_ranks; r++) {
    domain[num_ranks + r] = r;
    slots[r] = job_options().slots_per_rank;
  }
  CHECK(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                            .num_devices = num_ranks,
                                                            .num_levels = 2,
                                                            .level_name = names,
                                                            .node_level = 1,
                                                            .domain = domain,
                                                            .slots = slots,
                                                            .declared = 1},
                             &t) == EPLB_SUCCESS);
  CHECK(nodes_of_session(t, "") == num_ranks && nodes_of_session(t, "nvl") == 1);
  CHECK(nodes_of_session(t, "node") == num_ranks && nodes_of_session(t, "rack") == 0);
  setenv("EPLB_NODE_LEVEL", "nvl", 1);
  CHECK(nodes_of_session(t, "node") == 1);
  setenv("EPLB_NODE_LEVEL", "rack", 1);
  CHECK(nodes_of_session(t, "node") == 0 && nodes_of_session(NULL, "node") == 0);
  unsetenv("EPLB_NODE_LEVEL");
  setenv("EPLB_DOMAIN", "nvl=0", 1);
  CHECK(nodes_of_session(NULL, "nvl") == 1 && nodes_of_session(NULL, "rack") == 0);
  unsetenv("EPLB_DOMAIN");
  eplb_topology_destroy(&t);
  mpi_tap_case("a level of the topology can be the node");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  rounds_move_weights();
  the_session_gives_memory();
  the_default_planner_lets_lie();
  the_report_says_what_planned();
  structs_of_older_programs();
  only_changes_are_broadcast();
  detection_serves_too();
  the_machine_is_seen_anew();
  a_session_plans_as_eplb_plan_does();
  rank_0_alone_keeps_the_windows();
  one_expert_is_enough();
  layers_without_counts_stay();
  parts_give_the_same();
  an_early_end_calls_off();
  staging_is_bounded();
  staging_takes_what_there_is();
  a_level_can_be_the_node();
  return mpi_tap_end();
}
