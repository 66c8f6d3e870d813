/* Sessions saved and restored, on as many ranks and on others; and files that are damaged. */
#include "job.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, num_ranks;
static char path[64];

static char *read_file(size_t *size) {
  FILE *file = fopen(path, "rb");
  char *bytes = malloc(1 << 20);
  *size = file ? fread(bytes, 1, 1 << 20, file) : 0;
  CHECK(file && *size > 0 && !fclose(file));
  return bytes;
}

static void write_file(const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  CHECK(file && fwrite(bytes, 1, size, file) == size && !fclose(file));
}

static void check_refused(eplb_status_t status, eplb_status_t expected, const char *text) {
  if (status != expected || !strstr(eplb_last_error(), text))
    printf("# rank %d: status %d: %s\n", rank, status, eplb_last_error());
  CHECK(status == expected && strstr(eplb_last_error(), text));
  int same = mpi_tap_same_text(eplb_last_error());
  CHECK(same);
}

/* A session after a few rebalances, saved. */
static void save_job(job_t *job, const eplb_session_options_t *o) {
  job_start(job, o);
  for (int round = 0; round < 3; round++) {
    job_record(job, round, 0);
    CHECK(!eplb_rebalance(job->session, NULL));
  }
  CHECK(!eplb_session_save(job->session, path));
}

static eplb_session_options_t plain_options(void) {
  static eplb_plan_options_t plan;
  eplb_plan_options_init(&plan);
  eplb_session_options_t o = job_options();
  plan.planner = EPLB_PLANNER_HISTORY; /* by windows, and from the placement before */
  o.plan = &plan;
  return o;
}

/* As if the job had gone on: the same maps now, and after the next rebalance, which depends on the windows. */
static void a_restored_session_goes_on(void) {
  eplb_session_options_t o = plain_options();
  job_t job, again = {0};
  save_job(&job, &o);
  CHECK(!eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session));
  job_furnish(&again);
  CHECK(job_hash_of_maps(&job) == job_hash_of_maps(&again));
  for (int round = 3; round < 5; round++) {
    job_record(&job, round, 0);
    job_record(&again, round, 0);
    CHECK(!eplb_rebalance(job.session, NULL) && !eplb_rebalance(again.session, NULL));
    CHECK(job_hash_of_maps(&job) == job_hash_of_maps(&again));
  }
  CHECK(job_is_whole(&job) && job_is_whole(&again));
  job_finish(&again);
  job_finish(&job);
  mpi_tap_case("a restored session goes on as if nothing had happened");
}

/* The trigger counts windows since the last change. */
static void the_trigger_goes_on(void) {
  eplb_session_options_t o = plain_options();
  eplb_trigger_t trigger;
  eplb_payback_t payback;
  eplb_trigger_init(&trigger);
  eplb_payback_init(&payback);
  payback.seconds_per_load = 1e-6;
  payback.horizon = 8;
  trigger.min_windows = 4;
  trigger.payback = &payback;
  o.trigger = &trigger;
  job_t job, again = {0};
  eplb_report_t report;
  eplb_report_init(&report);
  save_job(&job, &o);
  CHECK(!eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session));
  job_furnish(&again);
  job_record(&again, 3, 0);
  CHECK(!eplb_rebalance(again.session, &report));
  job_record(&job, 3, 0);
  eplb_report_t expected;
  eplb_report_init(&expected);
  CHECK(!eplb_rebalance(job.session, &expected));
  CHECK(!strcmp(report.decision.reason, expected.decision.reason) && (rank || *report.decision.reason));
  job_finish(&again);
  job_finish(&job);
  mpi_tap_case("the trigger goes on");
}

/* On fewer or more slots each rank keeps what it had. */
static void other_slots_are_taken(void) {
  eplb_session_options_t o = plain_options();
  job_t job, again = {0};
  save_job(&job, &o);
  o.slots_per_rank += 2;
  CHECK(!eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session));
  int slots;
  for (int l = 0; l < JOB_LAYERS; l++) {
    const int32_t *before = eplb_session_slots(job.session, l, NULL),
                  *now = eplb_session_slots(again.session, l, &slots);
    CHECK(slots == o.slots_per_rank && !memcmp(before, now, (size_t)(slots - 2) * sizeof *now));
    CHECK(now[slots - 1] == EPLB_EMPTY);
  }
  CHECK(!eplb_session_destroy(&again.session));
  o.slots_per_rank = (JOB_EXPERTS + num_ranks - 1) / num_ranks;
  CHECK(!eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session));
  CHECK(!eplb_placement_validate(eplb_session_placement(again.session)));
  CHECK(!eplb_session_destroy(&again.session));
  o.slots_per_rank = (JOB_EXPERTS - 1) / num_ranks;
  if (o.slots_per_rank)
    check_refused(eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session), EPLB_ERR_SHAPE, "slots");
  job_finish(&job);
  mpi_tap_case("other numbers of slots");
}

/* One rank has enough slots for all: what all ranks saved goes on on rank 0 alone, and then on all. */
static void other_ranks_are_taken(void) {
  eplb_session_options_t o = plain_options();
  job_t job, again = {0};
  eplb_session_t *alone = NULL;
  save_job(&job, &o);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) {
    eplb_session_options_t wide = o;
    wide.slots_per_rank = JOB_EXPERTS + 6;
    CHECK(!eplb_session_restore(MPI_COMM_SELF, &wide, path, &alone));
    CHECK(!eplb_placement_validate(eplb_session_placement(alone)));
    CHECK(!eplb_session_save(alone, path));
    CHECK(!eplb_session_destroy(&alone));
  }
  MPI_Barrier(MPI_COMM_WORLD);
  CHECK(!eplb_session_restore(MPI_COMM_WORLD, &o, path, &again.session));
  job_furnish(&again);
  CHECK(job_is_whole(&again));
  job_record(&again, 3, 0);
  CHECK(!eplb_rebalance(again.session, NULL) && job_is_whole(&again));
  job_finish(&again);
  job_finish(&job);
  mpi_tap_case("other numbers of ranks");
}

/* Rank 0 changes a byte, or the length; all ranks are told. */
static void damaged_files_are_refused(void) {
  eplb_session_options_t o = plain_options();
  job_t job;
  eplb_session_t *none = NULL;
  char *bytes = NULL;
  size_t size = 0;
  save_job(&job, &o);
  if (rank == 0)
    bytes = read_file(&size);
  const struct {
    long at, cut; /* from the front; from the end if negative */
    const char *text;
  } damage[] = {{0, 0, "not a file of eplb_session_save"},
                {8, 0, "version 254 of the format; expected 1"},
                {12, 0, "another byte order"},
                {40, 0, "wrong checksum: the file is damaged"},
                {-1, 0, "wrong checksum"},
                {-1, 1, "the file is cut off or too long"},
                {0, -20, "not a file of eplb_session_save"}};
  for (size_t d = 0; d < sizeof damage / sizeof *damage; d++) {
    if (rank == 0) {
      char *at = bytes + (damage[d].at < 0 ? (long)size + damage[d].at : damage[d].at);
      *at = (char)~*at;
      write_file(bytes, damage[d].cut < 0 ? (size_t)-damage[d].cut : size - (size_t)damage[d].cut);
      *at = (char)~*at;
    }
    check_refused(eplb_session_restore(MPI_COMM_WORLD, &o, path, &none), EPLB_ERR_FORMAT, damage[d].text);
  }
  free(bytes);
  CHECK(!none);
  job_finish(&job);
  mpi_tap_case("damaged files are refused");
}

static void what_does_not_fit_is_refused(void) {
  eplb_session_options_t o = plain_options(), odd;
  job_t job;
  eplb_session_t *none = NULL;
  save_job(&job, &o);
  odd = o;
  odd.num_layers++;
  check_refused(eplb_session_restore(MPI_COMM_WORLD, &odd, path, &none), EPLB_ERR_SHAPE, "5 layers of 24 experts");
  odd = o;
  odd.initial = eplb_session_placement(job.session);
  check_refused(eplb_session_restore(MPI_COMM_WORLD, &odd, path, &none), EPLB_ERR_ARGUMENT, "initial is set");
  check_refused(eplb_session_restore(MPI_COMM_WORLD, &o, "nowhere/x", &none), EPLB_ERR_IO, "nowhere/x: No such file");
  check_refused(eplb_session_restore(MPI_COMM_WORLD, &o, rank ? path : NULL, &none), EPLB_ERR_ARGUMENT, "path is NULL");
  check_refused(eplb_session_save(job.session, rank == num_ranks - 1 ? NULL : path), EPLB_ERR_ARGUMENT, "path is NULL");
  check_refused(eplb_session_save(job.session, "nowhere/x"), EPLB_ERR_IO, "nowhere/x");
  CHECK(!eplb_rebalance_begin(job.session));
  check_refused(eplb_session_save(job.session, path), EPLB_ERR_STATE, "while a rebalance is open");
  CHECK(!eplb_rebalance_end(job.session, NULL));
  CHECK(!none);
  job_finish(&job);
  mpi_tap_case("what does not fit is refused");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  snprintf(path, sizeof path, "saved-%ld.eplb", (long)getpid());
  MPI_Bcast(path, sizeof path, MPI_CHAR, 0, MPI_COMM_WORLD);
  a_restored_session_goes_on();
  the_trigger_goes_on();
  other_slots_are_taken();
  other_ranks_are_taken();
  damaged_files_are_refused();
  what_does_not_fit_is_refused();
  if (rank == 0)
    unlink(path);
  return mpi_tap_end();
}
