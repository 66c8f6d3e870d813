/* Each step fails on each rank: all ranks return the same, nothing is lost, and the session goes on. */
#include "failing_memory.h"
#include "job.h"
#include "mpi_tap.h"
#include <string.h>

static int rank, num_ranks;

typedef struct fault {
  eplb_step_t step;
  int rank;  /* that it happens on */
  int flips; /* damage a byte instead of failing */
  int hits;
} fault_t;

static eplb_status_t inject(void *arg, eplb_step_t step, void *bytes, size_t size) {
  fault_t *fault = arg;
  if (step != fault->step || rank != fault->rank)
    return EPLB_SUCCESS;
  fault->hits++;
  if (!fault->flips)
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "injected at step %d", (int)step);
  if (size && fault->hits == 1)
    ((char *)bytes)[size / 2] ^= 4;
  return EPLB_SUCCESS;
}

/* The status that all ranks return if any rank was hit; the sentence is then the same everywhere too. */
static void check_outcome(eplb_status_t status, int hits, eplb_status_t expected, const char *text) {
  int hit = hits > 0, any;
  MPI_Allreduce(&hit, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  CHECK(mpi_tap_same(status));
  CHECK(status == (any ? expected : EPLB_SUCCESS));
  int same = mpi_tap_same_text(any ? eplb_last_error() : "");
  CHECK(same);
  CHECK(!any || strstr(eplb_last_error(), text));
}

static void fail_in_create(int at) {
  fault_t fault = {EPLB_STEP_CREATE, at, 0, 0};
  eplb_session_options_t o = job_options();
  o.fault = inject;
  o.fault_arg = &fault;
  eplb_session_t *untouched = NULL;
  eplb_status_t status = eplb_session_create(MPI_COMM_WORLD, &o, &untouched);
  check_outcome(status, fault.hits, EPLB_ERR_UNSUPPORTED, "injected");
  CHECK(untouched == NULL);
}

static void fail_in_rebalance(eplb_step_t step, int at, int flips) {
  fault_t fault = {step, at, flips, 0};
  eplb_session_options_t o = job_options();
  eplb_topology_t *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank);
  o.topology = topology;
  o.fault = inject;
  o.fault_arg = &fault;
  job_t job;
  job_start(&job, &o);
  eplb_topology_destroy(&topology);
  fault.hits = 0;

  long long maps = job_hash_of_maps(&job);
  job_record(&job, 1, 0);
  eplb_status_t status = eplb_rebalance(job.session, NULL);
  check_outcome(status, fault.hits, flips ? EPLB_ERR_CORRUPT : EPLB_ERR_UNSUPPORTED, flips ? "checksum" : "injected");
  CHECK(job_is_whole(&job));
  CHECK(mpi_tap_same(job_hash_of_maps(&job)));
  CHECK(status == EPLB_SUCCESS || step == EPLB_STEP_RECEIVE || job_hash_of_maps(&job) == maps);

  fault.step = EPLB_NUM_STEPS; /* no step: now all goes well */
  if (status && step != EPLB_STEP_RECEIVE)
    CHECK(!eplb_rebalance(job.session, NULL)); /* with the counts of the one that failed */
  job_record(&job, 2, 0);
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(job_is_whole(&job));
  job_finish(&job);
}

static void every_step_on_every_rank(void) {
  for (int at = 0; at < num_ranks; at++) {
    fail_in_create(at);
    for (int step = EPLB_STEP_REDUCE; step < EPLB_NUM_STEPS; step++)
      fail_in_rebalance((eplb_step_t)step, at, 0);
  }
  mpi_tap_case("each step fails on each rank");
}

typedef struct answer {
  eplb_step_t step;
  int status;
} answer_t;

static eplb_status_t give(void *arg, eplb_step_t step, void *bytes, size_t size) {
  const answer_t *answer = arg;
  (void)bytes, (void)size;
  return rank == num_ranks - 1 && step == answer->step ? (eplb_status_t)answer->status : EPLB_SUCCESS;
}

/* Without a sentence of the callback's own. */
static void return_code(eplb_step_t step, int code) {
  answer_t answer = {EPLB_NUM_STEPS, code};
  eplb_session_options_t o = job_options();
  o.fault = give;
  o.fault_arg = &answer;
  job_t job;
  if (code == EPLB_ERR_MPI)
    mpi_tap_may_leak(1);
  job_start(&job, &o);
  job_record(&job, 1, 0);
  answer.step = step;
  eplb_status_t status = eplb_rebalance(job.session, NULL);
  int is_code = code < 0 && code >= EPLB_ERR_INTERNAL;
  CHECK(mpi_tap_same(status));
  CHECK(status == (is_code ? (eplb_status_t)code : EPLB_ERR_ARGUMENT));
  CHECK(strstr(eplb_last_error(), "the fault callback returned"));
  answer.step = EPLB_NUM_STEPS;
  CHECK(code == EPLB_ERR_MPI || job_is_whole(&job));
  status = eplb_rebalance(job.session, NULL);
  CHECK(status == (code == EPLB_ERR_MPI ? EPLB_ERR_MPI : EPLB_SUCCESS));
  CHECK(code == EPLB_ERR_MPI || job_is_whole(&job));
  job_finish(&job);
  if (code == EPLB_ERR_MPI)
    mpi_tap_may_leak(0);
}

static void any_code_is_taken_as_it_is(void) {
  static const eplb_step_t steps[] = {EPLB_STEP_REDUCE, EPLB_STEP_DERIVE, EPLB_STEP_SEND, EPLB_STEP_ARRIVE};
  static const int codes[] = {EPLB_ERR_ARGUMENT,
                              EPLB_ERR_CORRUPT,
                              EPLB_ERR_CHANGED,
                              EPLB_ERR_MPI,
                              EPLB_ERR_INTERNAL,
                              EPLB_ERR_INTERNAL - 1,
                              1,
                              77};
  for (size_t s = 0; s < sizeof steps / sizeof *steps && num_ranks > 1; s++)
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
      return_code(steps[s], codes[c]);
  mpi_tap_case("whatever a callback returns is taken as it is");
}

/* MPI fails on the last rank, which then gives up its messages; a worse status is there, too. */
typedef struct two_faults {
  int worse_at; /* the rank that has it: another, or the same, before MPI fails */
  int hits;
} two_faults_t;

static eplb_status_t give_two(void *arg, eplb_step_t step, void *bytes, size_t size) {
  two_faults_t *faults = arg;
  (void)bytes, (void)size;
  if (step != EPLB_STEP_SEND)
    return EPLB_SUCCESS;
  int hit = faults->hits++;
  if (rank == faults->worse_at && hit == 0)
    return EPLB_ERR_INTERNAL;
  return rank == num_ranks - 1 && hit < 2 ? EPLB_ERR_MPI : EPLB_SUCCESS;
}

/* No rank waits for the messages that were given up. */
static void a_worse_failure_does_not_hide_that_of_mpi(void) {
  const size_t shared_bytes[] = {0, 1 << 16};
  for (int at = 0; at < num_ranks && num_ranks > 1; at++)
    for (int s = 0; s < 2; s++) {
      two_faults_t faults = {at, 0};
      eplb_session_options_t o = job_options();
      o.shared_bytes = shared_bytes[s];
      o.fault = give_two;
      o.fault_arg = &faults;
      job_t job;
      mpi_tap_may_leak(1);
      job_start(&job, &o);
      job_record(&job, 1, 0);
      CHECK(eplb_rebalance(job.session, NULL) == EPLB_ERR_MPI);
      CHECK(mpi_tap_same_text(eplb_last_error()));
      CHECK(job_is_whole(&job));
      job_finish(&job);
      mpi_tap_may_leak(0);
    }
  mpi_tap_case("a worse failure does not hide that of MPI");
}

static void flipped_bits(void) {
  for (int at = 0; at < num_ranks; at++)
    fail_in_rebalance(EPLB_STEP_RECEIVE, at, 1);
  mpi_tap_case("a flipped bit is found on each rank");
}

/* The n-th allocation of one rank fails, for n = 0, 1, 2 ... until none is left that could. */
static void out_of_memory_in_create(int at) {
  int hit = 1;
  for (long n = 0; hit; n++) {
    eplb_session_options_t o = job_options();
    eplb_topology_t *topology = job_deal_topology(1, o.slots_per_rank);
    o.topology = topology;
    eplb_session_t *session = NULL;
    failing_memory_after(rank == at ? n : -1);
    eplb_status_t status = eplb_session_create(MPI_COMM_WORLD, &o, &session);
    failing_memory_after(-1);
    hit = status != EPLB_SUCCESS;
    check_outcome(status, hit, EPLB_ERR_MEMORY, "out of memory");
    CHECK((session != NULL) == !hit);
    CHECK(!eplb_session_destroy(&session));
    eplb_topology_destroy(&topology);
    CHECK(n < 1000);
  }
}

static void out_of_memory_in_rebalance(int at) {
  eplb_session_options_t o = job_options();
  o.num_layers = 2;
  eplb_topology_t *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank);
  o.topology = topology;
  job_t job;
  job_start(&job, &o);
  eplb_topology_destroy(&topology);
  job_record(&job, 3, 0);
  long long maps = job_hash_of_maps(&job);
  int hit = 1;
  for (long n = 0; hit; n++) {
    failing_memory_after(rank == at ? n : -1);
    eplb_status_t status = eplb_rebalance(job.session, NULL);
    failing_memory_after(-1);
    hit = status != EPLB_SUCCESS;
    check_outcome(status, hit, EPLB_ERR_MEMORY, "out of memory");
    CHECK(!hit || job_hash_of_maps(&job) == maps);
    CHECK(job_is_whole(&job));
    CHECK(n < 1000);
  }
  job_finish(&job);
}

/* What the session gives is all there or not at all, on every rank. */
static void out_of_memory_in_allocate(int at) {
  eplb_session_options_t o = job_options();
  eplb_session_t *session = NULL;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &session));
  int hit = 1;
  for (long n = 0; hit; n++) {
    void *untouched = &hit, *memory = untouched;
    failing_memory_after(rank == at ? n : -1);
    eplb_status_t status = eplb_session_allocate(session, 1000, &memory);
    failing_memory_after(-1);
    hit = status != EPLB_SUCCESS;
    check_outcome(status, hit, EPLB_ERR_MEMORY, "out of memory");
    CHECK((memory == untouched) == hit);
    CHECK(n < 100);
  }
  CHECK(!eplb_session_destroy(&session));
}

static void no_memory_on_any_rank(void) {
  for (int at = 0; at < num_ranks; at++) {
    out_of_memory_in_create(at);
    out_of_memory_in_allocate(at);
    out_of_memory_in_rebalance(at);
  }
  mpi_tap_case("each allocation fails on each rank");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  every_step_on_every_rank();
  any_code_is_taken_as_it_is();
  a_worse_failure_does_not_hide_that_of_mpi();
  flipped_bits();
  no_memory_on_any_rank();
  return mpi_tap_end();
}
