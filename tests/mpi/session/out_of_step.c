/* Ranks that make different calls, or commit different layers: all of them learn it, none hangs, and the session goes
 * on. */
#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks, odd;

/* ---- pairs of calls ---- */

static eplb_status_t call_begin(job_t *job) {
  return eplb_rebalance_begin(job->session);
}

/* The vote that a test starts is heeded by the next. */
static eplb_status_t call_test(job_t *job) {
  int layer;
  eplb_status_t status = eplb_rebalance_test(job->session, &layer);
  return status ? status : eplb_rebalance_test(job->session, &layer);
}

static eplb_status_t call_wait(job_t *job) {
  int layer;
  return eplb_rebalance_wait(job->session, &layer);
}

static eplb_status_t call_end(job_t *job) {
  return eplb_rebalance_end(job->session, NULL);
}

static eplb_status_t call_redetect(job_t *job) {
  return eplb_session_redetect(job->session);
}

static eplb_status_t call_allocate(job_t *job) {
  void *memory;
  return eplb_session_allocate(job->session, 100, &memory);
}

static eplb_status_t call_drain(job_t *job) {
  return eplb_session_drain(job->session, NULL);
}

static eplb_status_t call_destroy(job_t *job) {
  return eplb_session_destroy(&job->session);
}

static eplb_status_t call_changed(job_t *job) {
  return eplb_rebalance_changed(job->session, 1);
}

static eplb_status_t call_commit(job_t *job) {
  int layer;
  CHECK(!eplb_rebalance_wait(job->session, &layer) && layer >= 0);
  return eplb_rebalance_commit(job->session, layer);
}

typedef struct call {
  eplb_status_t (*make)(job_t *job);
  const char *name;
} call_t;

enum { BEGIN, REDETECT, ALLOCATE, DRAIN, DESTROY, END, CHANGED, COMMIT, TEST, WAIT, NUM_CALLS };

static const call_t calls[NUM_CALLS] = {
    [BEGIN] = {call_begin, "eplb_rebalance_begin"},        [REDETECT] = {call_redetect, "eplb_session_redetect"},
    [ALLOCATE] = {call_allocate, "eplb_session_allocate"}, [DRAIN] = {call_drain, "eplb_session_drain"},
    [DESTROY] = {call_destroy, "eplb_session_destroy"},    [END] = {call_end, "eplb_rebalance_end"},
    [CHANGED] = {call_changed, "eplb_rebalance_changed"},  [COMMIT] = {call_commit, "eplb_rebalance_commit"},
    [TEST] = {call_test, "eplb_rebalance_test or _wait"},  [WAIT] = {call_wait, "eplb_rebalance_test or _wait"}};

/* How far a rebalance is when the ranks part, and which calls of it are collective then. */
typedef enum state { CLOSED, MOVING, READY, DONE } state_t;

static int is_collective(int call, state_t state) {
  if (call <= DESTROY)
    return 1;
  return call == END || call == CHANGED ? state != CLOSED : call == COMMIT ? state == READY : state == MOVING;
}

/* One that moves in several rounds. */
static eplb_session_options_t options(eplb_mode_t mode) {
  eplb_session_options_t o = job_options();
  o.staging_bytes = 3 * JOB_EXPERT_BYTES;
  o.mode = mode;
  return o;
}

static void check_mismatch(eplb_status_t status, const char *a, const char *b) {
  int same = mpi_tap_same(status);
  CHECK(same && status == EPLB_ERR_MISMATCH);
  same = mpi_tap_same_text(eplb_last_error());
  CHECK(same && strstr(eplb_last_error(), a) && strstr(eplb_last_error(), b));
}

static void check_goes_on_closed(job_t *job, int round) {
  CHECK(job_is_whole(job) && mpi_tap_same(job_hash_of_maps(job)));
  job_record(job, round, 0);
  CHECK(!eplb_rebalance(job->session, NULL));
  CHECK(job_is_whole(job) && mpi_tap_same(job_hash_of_maps(job)));
}

/* What a job does after a failure: it ends what is open and goes on. */
static void check_goes_on(job_t *job, int round) {
  eplb_status_t status = eplb_rebalance_end(job->session, NULL);
  CHECK(status == EPLB_SUCCESS || status == EPLB_ERR_STATE);
  check_goes_on_closed(job, round);
}

static void commit_all(job_t *job) {
  int layer;
  while (!eplb_rebalance_wait(job->session, &layer) && layer >= 0)
    CHECK(!eplb_rebalance_commit(job->session, layer));
}

static void go_to(job_t *job, state_t state) {
  int layer;
  job_record(job, 0, 0);
  if (state != CLOSED)
    CHECK(!eplb_rebalance_begin(job->session));
  if (state == READY)
    CHECK(!eplb_rebalance_wait(job->session, &layer));
  if (state == DONE)
    commit_all(job);
}

static void try_pair(const call_t *mine, const call_t *others, state_t state, eplb_mode_t mode) {
  job_t job;
  eplb_session_options_t o = options(mode);
  job_start(&job, &o);
  go_to(&job, state);
  check_mismatch((odd ? mine : others)->make(&job), mine->name, others->name);
  check_goes_on(&job, 1);
  job_finish(&job);
}

static void try_pairs(state_t state, const char *title) {
  for (int a = 0; a < NUM_CALLS; a++)
    for (int b = 0; b < NUM_CALLS; b++)
      if (a != b && !(a >= TEST && b >= TEST) && is_collective(a, state) && is_collective(b, state))
        try_pair(&calls[a], &calls[b], state, (a + b) % 2 ? EPLB_MODE_SHADOW : EPLB_MODE_IN_PLACE);
  mpi_tap_case(title);
}

/* ---- commits ---- */

/* The last rank stops after `commits` commits; the others go on until they cannot. */
static void stop_after(int commits, eplb_mode_t mode, int staged_experts) {
  job_t job;
  eplb_session_options_t o = options(mode);
  o.staging_bytes = (size_t)staged_experts * (JOB_EXPERT_BYTES + 16);
  job_start(&job, &o);
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  eplb_status_t status = EPLB_SUCCESS;
  int layer = EPLB_LAYER_NONE, done = 0;
  while (!status && layer != EPLB_LAYER_DONE && !(odd && done == commits)) {
    status = eplb_rebalance_wait(job.session, &layer);
    if (!status && layer >= 0)
      status = eplb_rebalance_commit(job.session, layer);
    done++;
  }
  eplb_status_t end = eplb_rebalance_end(job.session, NULL);
  check_mismatch(status ? status : end, "rank ", "expected the same ");
  check_goes_on(&job, 1);
  job_finish(&job);
}

static void a_rank_commits_less(void) {
  for (int commits = 0; commits < 3; commits++)
    for (int staged = 1; staged < 200; staged *= 6) {
      stop_after(commits, EPLB_MODE_SHADOW, staged);
      stop_after(commits, EPLB_MODE_IN_PLACE, staged);
    }
  mpi_tap_case("a rank that commits fewer layers");
}

/* Nobody commits it; the rebalance goes on. */
static void a_rank_commits_another_layer(void) {
  job_t job;
  eplb_session_options_t o = options(EPLB_MODE_SHADOW);
  job_start(&job, &o);
  go_to(&job, READY);
  int layer;
  CHECK(!eplb_rebalance_wait(job.session, &layer));
  eplb_status_t status = eplb_rebalance_commit(job.session, odd ? layer + 1 : layer);
  CHECK(mpi_tap_same(status) && status == EPLB_ERR_ARGUMENT);
  commit_all(&job);
  CHECK(!eplb_rebalance_end(job.session, NULL));
  check_goes_on_closed(&job, 1);
  job_finish(&job);
  mpi_tap_case("a rank that commits another layer");
}

/* ---- what is no mistake ---- */

/* Some wait and some test, as each likes at each call. */
static void tests_and_waits_mix(void) {
  for (int round = 0; round < 6; round++) {
    job_t job;
    eplb_session_options_t o = options(round % 2 ? EPLB_MODE_SHADOW : EPLB_MODE_IN_PLACE);
    job_start(&job, &o);
    job_record(&job, round, 0);
    CHECK(!eplb_rebalance_begin(job.session));
    int layer = EPLB_LAYER_NONE;
    for (int i = 0; layer != EPLB_LAYER_DONE; i++) {
      int waits = (i * 7 + rank * 5 + round) % 3 == 0;
      CHECK(!(waits ? eplb_rebalance_wait : eplb_rebalance_test)(job.session, &layer));
      if (layer >= 0)
        CHECK(!eplb_rebalance_commit(job.session, layer));
    }
    CHECK(!eplb_rebalance_end(job.session, NULL));
    CHECK(job_is_whole(&job) && mpi_tap_same(job_hash_of_maps(&job)));
    job_finish(&job);
  }
  mpi_tap_case("ranks that wait beside ranks that test");
}

/* A call that is refused on all ranks leaves the open rebalance as it is, also between two tests. */
static void refused_calls_change_nothing(void) {
  job_t job;
  eplb_session_options_t o = options(EPLB_MODE_SHADOW);
  void *memory;
  job_start(&job, &o);
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  int layer = EPLB_LAYER_NONE;
  while (layer != EPLB_LAYER_DONE) {
    CHECK(!eplb_rebalance_test(job.session, &layer));
    CHECK(eplb_session_destroy(&job.session) == EPLB_ERR_STATE);
    CHECK(eplb_session_redetect(job.session) == EPLB_ERR_STATE);
    CHECK(eplb_rebalance_begin(job.session) == EPLB_ERR_STATE);
    CHECK(!eplb_session_allocate(job.session, 8, &memory));
    if (layer >= 0)
      CHECK(!eplb_rebalance_commit(job.session, layer));
  }
  CHECK(!eplb_rebalance_end(job.session, NULL));
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("refused calls leave the open rebalance as it is");
}

/* Maps that a job has written over are found, by every rank. */
static void maps_differ(void) {
  job_t job;
  eplb_session_options_t o = options(EPLB_MODE_SHADOW);
  job_start(&job, &o);
  job_record(&job, 0, 0);
  int32_t *map = eplb_session_placement(job.session)->physical_to_logical;
  map[0] += odd;
  check_mismatch(eplb_rebalance(job.session, NULL), "different maps", "expected the same");
  map[0] -= odd;
  check_goes_on(&job, 1);
  job_finish(&job);
  mpi_tap_case("maps that differ");
}

static void ranks_part(void) {
  try_pairs(CLOSED, "different calls, no rebalance open");
  try_pairs(MOVING, "different calls while weights move");
  try_pairs(READY, "different calls when a layer can be committed");
  try_pairs(DONE, "different calls when all is committed");
  a_rank_commits_less();
  a_rank_commits_another_layer();
  maps_differ();
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  odd = rank == num_ranks - 1;
  if (num_ranks > 1)
    ranks_part();
  tests_and_waits_mix();
  refused_calls_change_nothing();
  return mpi_tap_end();
}
