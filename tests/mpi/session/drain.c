/* Ranks that leave: the next rebalance moves their experts to the others, and a session of the others goes on without a
 * lost byte. */
#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;

/* The experts fit on all ranks but `leave`, with a slot or more to spare on each. */
static eplb_session_options_t options(int leave) {
  eplb_session_options_t o = job_options();
  o.slots_per_rank = JOB_EXPERTS / (num_ranks > leave ? num_ranks - leave : 1) + 2;
  job_plan.planner = EPLB_PLANNER_AUTO;
  job_plan.num_groups = 1;
  return o;
}

/* leaving[num_ranks]: `count` ranks from `first` on; the caller's. */
static int *leave(int first, int count) {
  int *leaving = calloc((size_t)num_ranks, sizeof *leaving);
  for (int r = first; r < first + count; r++)
    leaving[r % num_ranks] = 1;
  return leaving;
}

/* How many slots of these ranks hold an expert, in all layers. */
static int experts_on(const job_t *job, const int *leaving) {
  const eplb_topology_t *t = eplb_session_topology(job->session);
  const eplb_placement_t *p = eplb_session_placement(job->session);
  int held = 0;
  for (int l = 0; l < p->num_layers; l++)
    for (int s = 0; s < p->num_slots; s++)
      held += leaving[eplb_topology_device_of_slot(t, s)] && p->physical_to_logical[l * p->num_slots + s] != EPLB_EMPTY;
  return held;
}

static void check_drained(const job_t *job, const int *leaving) {
  CHECK(experts_on(job, leaving) == 0);
  CHECK(job_is_whole(job) && mpi_tap_same(job_hash_of_maps(job)));
}

/* ---- the session of those that stay ---- */

static eplb_topology_t *topology_of(const eplb_topology_t *all, int ranks) {
  eplb_topology_t *topology;
  CHECK(!eplb_topology_declare(1, ranks, all->slot_begin[1], &topology));
  return topology;
}

/* The placement and the weights are taken over; this rank's weights are where they were. */
static void go_on(job_t *job, const int *leaving) {
  int *old_device = calloc((size_t)num_ranks, sizeof *old_device), stay = 0;
  for (int r = 0; r < num_ranks; r++)
    if (!leaving[r])
      old_device[stay++] = r;
  eplb_placement_t *initial;
  eplb_losses_t losses;
  eplb_topology_t *topology = topology_of(eplb_session_topology(job->session), stay);
  CHECK(!eplb_placement_carry(eplb_session_topology(job->session), eplb_session_placement(job->session), topology,
                              old_device, &initial, &losses));
  CHECK(losses.count == 0);
  CHECK(!eplb_session_destroy(&job->session));
  MPI_Comm others;
  MPI_Comm_split(MPI_COMM_WORLD, leaving[rank], rank, &others);
  if (!leaving[rank]) {
    eplb_session_options_t o = options(num_ranks - stay);
    o.topology = topology;
    o.initial = initial;
    MPI_Comm_rank(others, &job->rank);
    CHECK(!eplb_session_create(others, &o, &job->session));
    CHECK(!weights_register(&job->weights, job->session));
    CHECK(job_is_whole(job));
    job_record(job, 5, 0);
    CHECK(!eplb_rebalance(job->session, NULL) && job_is_whole(job));
    CHECK(!eplb_session_destroy(&job->session));
  }
  weights_free(&job->weights);
  MPI_Comm_free(&others);
  eplb_losses_free(&losses);
  eplb_placement_destroy(&initial);
  eplb_topology_destroy(&topology);
  free(old_device);
}

/* ---- cases ---- */

/* Also of layers without counts; and it stays so. */
static void drain(int first, int count, eplb_mode_t mode) {
  job_t job;
  int *leaving = leave(first, count);
  eplb_session_options_t o = options(count);
  eplb_report_t report = {.size = sizeof report};
  o.mode = mode;
  o.plan_ranks = 1 + first % 3; /* layers are planned on several ranks, too */
  job_start(&job, &o);
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(experts_on(&job, leaving) > 0);
  CHECK(!eplb_session_drain(job.session, leaving));
  job_record(&job, 1, 1);
  CHECK(!eplb_rebalance(job.session, &report));
  check_drained(&job, leaving);
  CHECK(report.balancedness_after > .6 && report.balancedness_after <= 1);
  for (int round = 2; round < 4; round++) {
    job_record(&job, round, 0);
    CHECK(!eplb_session_redetect(job.session));
    CHECK(!eplb_rebalance(job.session, &report));
    check_drained(&job, leaving);
    CHECK(report.balancedness_before <= 1 && report.balancedness_after > .5 && report.balancedness_after <= 1);
  }
  go_on(&job, leaving);
  free(leaving);
}

static void any_ranks_leave(void) {
  for (int first = 0; first < num_ranks; first++)
    drain(first, 1, first % 2 ? EPLB_MODE_IN_PLACE : EPLB_MODE_SHADOW);
  if (num_ranks > 2)
    drain(num_ranks - 1, num_ranks - 2, EPLB_MODE_SHADOW); /* the first rank, too */
  mpi_tap_case("any ranks leave, and the others go on");
}

/* Neither counts nor a trigger are needed. */
static void nothing_holds_them(void) {
  eplb_payback_t payback;
  eplb_payback_init(&payback);
  payback.seconds_per_load = 1e-30;
  payback.horizon = 1;
  eplb_trigger_t trigger;
  eplb_trigger_init(&trigger);
  trigger.payback = &payback;
  int *leaving = leave(0, 1);
  for (int has_counts = 0; has_counts < 2; has_counts++) {
    job_t job;
    eplb_session_options_t o = options(1);
    o.trigger = &trigger;
    job_start(&job, &o);
    CHECK(!eplb_session_drain(job.session, leaving));
    if (has_counts)
      job_record(&job, 1, 0);
    CHECK(!eplb_rebalance(job.session, NULL));
    check_drained(&job, leaving);
    job_finish(&job);
  }
  free(leaving);
  mpi_tap_case("ranks are drained without counts, and where nothing else would pay");
}

static void it_can_be_taken_back(void) {
  job_t job;
  int *leaving = leave(num_ranks - 1, 1);
  eplb_session_options_t o = options(1);
  job_start(&job, &o);
  CHECK(!eplb_session_drain(job.session, leaving));
  CHECK(!eplb_session_drain(job.session, NULL));
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(experts_on(&job, leaving) > 0 && job_is_whole(&job));
  CHECK(!eplb_session_drain(job.session, leaving));
  job_record(&job, 2, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  check_drained(&job, leaving);
  CHECK(!eplb_session_drain(job.session, NULL));
  job_record(&job, 3, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(experts_on(&job, leaving) > 0 && job_is_whole(&job));
  job_finish(&job);
  free(leaving);
  mpi_tap_case("a rank may stay after all");
}

static void check_refused(eplb_status_t status, eplb_status_t expected, const char *text) {
  int same = mpi_tap_same_text(eplb_last_error());
  CHECK(mpi_tap_same(status) && status == expected);
  CHECK(same && strstr(eplb_last_error(), text));
}

static void all_ranks_cannot_leave(void) {
  job_t job;
  int *leaving = leave(0, num_ranks);
  eplb_session_options_t o = options(1);
  job_start(&job, &o);
  check_refused(eplb_session_drain(job.session, leaving), EPLB_ERR_SHAPE, "0 slots left for 24 experts");
  job_finish(&job);
  free(leaving);
  mpi_tap_case("not all ranks can leave");
}

static void what_cannot_be_is_refused(void) {
  job_t job;
  int *leaving = leave(0, num_ranks), *one = leave(0, 1);
  eplb_session_options_t o = options(1);
  job_start(&job, &o);
  CHECK(eplb_session_drain(NULL, leaving) == EPLB_ERR_ARGUMENT);
  leaving[num_ranks - 1] = 2;
  check_refused(eplb_session_drain(job.session, leaving), EPLB_ERR_ARGUMENT, "is 2; expected 0 or 1");
  check_refused(eplb_session_drain(job.session, rank == num_ranks - 1 ? NULL : one), EPLB_ERR_MISMATCH,
                "different lists of leaving ranks");
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  check_refused(eplb_session_drain(job.session, one), EPLB_ERR_STATE, "while a rebalance is open");
  CHECK(!eplb_rebalance_end(job.session, NULL));
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(experts_on(&job, one) > 0 && job_is_whole(&job)); /* nothing has changed */
  job_finish(&job);
  free(leaving);
  free(one);
  mpi_tap_case("what cannot be is refused");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  all_ranks_cannot_leave();
  if (num_ranks > 1) {
    any_ranks_leave();
    nothing_holds_them();
    it_can_be_taken_back();
    what_cannot_be_is_refused();
  }
  return mpi_tap_end();
}
