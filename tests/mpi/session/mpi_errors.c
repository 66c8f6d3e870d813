/* Every call of MPI that a session, a batch, its routed tokens or detection makes fails once, on each rank: no rank
 * crashes or waits for ever, and all ranks return EPLB_ERR_MPI with the same sentence, from that call or from the next. failing_mpi.h says
 * what failing means for calls that are collective. All of it in one process: a session each, on a duplicate of the
 * world whose errors are returned. */
#include "failing_mpi.h"
#include "job.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;
static MPI_Comm comm;

/* One call of the library, in which calls of MPI count. */
#define COUNTED(call) (failing_mpi_resume(), counted(call))
static eplb_status_t counted(eplb_status_t status) {
  failing_mpi_pause();
  return status;
}

static int on_any_rank(int here) {
  int any;
  PMPI_Allreduce(&here, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any;
}

/* ---- other faults beside that of MPI ---- */

typedef struct other {
  const char *name;
  eplb_step_t step;
  int on_first;         /* 1: on rank 0; 0: on the last */
  eplb_status_t status; /* what the step returns; EPLB_ERR_CORRUPT: it damages what has arrived instead */
} other_t;

static const other_t no_other = {"nothing else", EPLB_NUM_STEPS, 0, EPLB_SUCCESS};
static const other_t *other = &no_other;

static eplb_status_t inject_other(void *arg, eplb_step_t step, void *bytes, size_t size) {
  (void)arg;
  if (step != other->step || rank != (other->on_first ? 0 : num_ranks - 1))
    return EPLB_SUCCESS;
  if (other->status != EPLB_ERR_CORRUPT)
    return other->status;
  for (size_t i = 0; i < size; i++)
    ((char *)bytes)[i] ^= 1;
  return EPLB_SUCCESS;
}

/* All ranks return the same: success, MPI's failure, which says so, or that of the other fault. */
static void check_same(const char *call, eplb_status_t status) {
  int same = mpi_tap_same(status) && (!status || mpi_tap_same_text(eplb_last_error()));
  int right = same && (!status || status == EPLB_ERR_MPI || status == other->status);
  if (!right)
    printf("# rank %d: %s returned %d after %s failed, and %s: %s\n", rank, call, status, failing_mpi_name(),
           other->name, status ? eplb_last_error() : "");
  CHECK(right);
  CHECK(status != EPLB_ERR_MPI || strstr(eplb_last_error(), ": "));
}

static eplb_session_options_t small_options(size_t shared_bytes, eplb_topology_t **topology) {
  eplb_session_options_t o = job_options();
  o.num_layers = o.plan_ranks = shared_bytes ? 1 : 2;
  o.chunk_bytes = 2000; /* two messages an expert */
  o.shared_bytes = shared_bytes;
  o.topology = *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank);
  o.fault = inject_other;
  o.verify = EPLB_VERIFY_NEVER; /* what is damaged is found by samples, when it is committed */
  return o;
}

/* Rebalances by test and commit, where a vote is always under way. */
static eplb_status_t rebalance_by_test(eplb_session_t *session) {
  int layer = EPLB_LAYER_NONE;
  eplb_status_t status = eplb_rebalance_begin(session);
  if (status)
    return status;
  while (!status && layer != EPLB_LAYER_DONE) {
    status = eplb_rebalance_test(session, &layer);
    if (!status && layer >= 0)
      status = eplb_rebalance_commit(session, layer);
  }
  char sentence[EPLB_ERROR_MAX];
  strcpy(sentence, eplb_last_error());
  eplb_status_t ended = eplb_rebalance_end(session, NULL);
  return status ? eplb_fail(status, "%s", sentence) : ended;
}

/* The last rank makes another call than the others while weights move. */
static eplb_status_t rebalance_out_of_step(eplb_session_t *session) {
  int layer;
  void *memory;
  eplb_status_t status = eplb_rebalance_begin(session);
  if (status)
    return status;
  status = rank == num_ranks - 1 ? eplb_session_allocate(session, 8, &memory) : eplb_rebalance_wait(session, &layer);
  char sentence[EPLB_ERROR_MAX];
  strcpy(sentence, eplb_last_error());
  eplb_status_t ended = eplb_rebalance_end(session, NULL);
  return status ? eplb_fail(status, "%s", sentence) : ended;
}

/* Whether anything of MPI failed. Other faults are of the first rebalance. */
static int try_session(long n, int at, failing_mpi_t how, size_t shared_bytes,
                       eplb_status_t (*rebalance)(eplb_session_t *)) {
  eplb_topology_t *topology;
  eplb_session_options_t o = small_options(shared_bytes, &topology);
  job_t job = {0};
  void *memory;
  failing_mpi_after(how == FAILING_MPI_ALIKE || rank == at ? n : -1, how);
  eplb_status_t status = COUNTED(eplb_session_create(comm, &o, &job.session));
  check_same("eplb_session_create", status);
  if (!status) {
    status = COUNTED(eplb_session_allocate(job.session, 1000, &memory));
    check_same("eplb_session_allocate", status);
    status = COUNTED(eplb_session_drain(job.session, NULL));
    check_same("eplb_session_drain", status);
    job_furnish(&job);
    job_record(&job, 1, 0);
    status = COUNTED(rebalance(job.session));
    check_same("eplb_rebalance", status);
    CHECK(status || other == &no_other);
    CHECK(job_is_whole(&job));
    CHECK(mpi_tap_same(job_hash_of_maps(&job)));
    job_record(&job, 2, 0);
    int has_failed = on_any_rank(failing_mpi_failures());
    if (how != FAILING_MPI_FROM_THEN || !has_failed)
      failing_mpi_after(-1, how); /* what failed in the last message is told now */
    const other_t *before = other;
    other = &no_other;
    status = COUNTED(eplb_rebalance(job.session, NULL));
    check_same("eplb_rebalance after it", status);
    CHECK(!status == !has_failed);
    other = before;
    CHECK(!COUNTED(eplb_session_destroy(&job.session)) && !job.session);
    weights_free(&job.weights);
    status = has_failed ? EPLB_ERR_MPI : EPLB_SUCCESS;
  }
  CHECK(!on_any_rank(failing_mpi_failures()) || status == EPLB_ERR_MPI);
  eplb_topology_destroy(&topology);
  return status != EPLB_SUCCESS;
}

static eplb_status_t rebalance_at_once(eplb_session_t *session) {
  return eplb_rebalance(session, NULL);
}

static void try_all_of_session(int at, failing_mpi_t how, size_t shared_bytes,
                               eplb_status_t (*rebalance)(eplb_session_t *)) {
  long n = 0;
  while (try_session(n, at, how, shared_bytes, rebalance) && n < 5000)
    n++;
  CHECK(n > 10 && n < 5000);
}

static void sessions(failing_mpi_t how, const char *title) {
  for (int at = 0; at < (how == FAILING_MPI_ALIKE ? 1 : num_ranks); at++) {
    try_all_of_session(at, how, 0, rebalance_at_once);
    try_all_of_session(at, how, 1 << 16, rebalance_at_once);
    if (how == FAILING_MPI_AFTER || how == FAILING_MPI_INSTEAD)
      try_all_of_session(at, how, 0, rebalance_by_test);
  }
  mpi_tap_case(title);
}

/* MPI fails on any rank, and something else in the same rebalance. */
static void with_another_fault(const other_t *fault, eplb_status_t (*rebalance)(eplb_session_t *)) {
  other = fault;
  for (int at = 0; at < num_ranks; at++) {
    try_all_of_session(at, FAILING_MPI_AFTER, 0, rebalance);
    try_all_of_session(at, FAILING_MPI_INSTEAD, 0, rebalance);
  }
  other = &no_other;
  char title[100];
  snprintf(title, sizeof title, "MPI fails, and %s", fault->name);
  mpi_tap_case(title);
}

static void with_other_faults(void) {
  static const other_t plan = {"the plan fails", EPLB_STEP_PLAN, 1, EPLB_ERR_UNSUPPORTED},
                       damage = {"weights arrive damaged", EPLB_STEP_RECEIVE, 0, EPLB_ERR_CORRUPT},
                       call = {"a rank makes another call", EPLB_NUM_STEPS, 0, EPLB_ERR_MISMATCH};
  with_another_fault(&plan, rebalance_at_once);
  if (num_ranks == 1)
    return;
  with_another_fault(&damage, rebalance_at_once);
  with_another_fault(&call, rebalance_out_of_step);
}

/* Frees all of its memory whatever MPI says, and says so. */
static void destroy(void) {
  int hit = 1;
  for (long n = 0; hit; n++) {
    eplb_topology_t *topology;
    eplb_session_options_t o = small_options(1 << 16, &topology);
    eplb_session_t *session = NULL;
    CHECK(!eplb_session_create(comm, &o, &session));
    failing_mpi_after(n, FAILING_MPI_AFTER);
    eplb_status_t status = COUNTED(eplb_session_destroy(&session));
    hit = failing_mpi_failures();
    CHECK(status == (hit ? EPLB_ERR_MPI : EPLB_SUCCESS) && !session);
    CHECK(!hit || strstr(eplb_last_error(), ": "));
    failing_mpi_after(-1, FAILING_MPI_AFTER);
    eplb_topology_destroy(&topology);
  }
  mpi_tap_case("a session that MPI does not let go is gone");
}

/* Where only the last message failed, and on one rank, that rank alone returns it: the others have their machine. */
static void detection(failing_mpi_t how) {
  for (int at = 0; at < (how == FAILING_MPI_ALIKE ? 1 : num_ranks); at++) {
    int hit = 1;
    for (long n = 0; hit && n < 1000; n++) {
      eplb_machine_t *machine = NULL;
      failing_mpi_after(how == FAILING_MPI_ALIKE || rank == at ? n : -1, how);
      eplb_status_t status = COUNTED(eplb_machine_detect(comm, 2, &machine));
      hit = on_any_rank(failing_mpi_failures());
      CHECK(!failing_mpi_failures() || status == EPLB_ERR_MPI);
      CHECK(!status == (machine != NULL));
      CHECK(hit || !status);
      eplb_machine_destroy(&machine);
    }
    CHECK(!hit);
  }
}

static void detections(void) {
  detection(FAILING_MPI_AFTER);
  detection(FAILING_MPI_INSTEAD);
  detection(FAILING_MPI_ALIKE);
  mpi_tap_case("detection");
}

/* The rank that has not got the sums returns that; from the next batch all do. */
static int try_batch(long n, int at, failing_mpi_t how, eplb_dispatch_t *dispatch, int slots) {
  const int64_t count[JOB_EXPERTS] = {1, 2, 3};
  float *share = calloc((size_t)slots, sizeof *share);
  int arrived = 0, failed = 0;
  eplb_batch_t *batch = NULL;
  failing_mpi_after(how == FAILING_MPI_ALIKE || rank == at ? n : -1, how);
  eplb_status_t status = COUNTED(eplb_batch_create(comm, dispatch, &batch));
  check_same("eplb_batch_create", status);
  for (int i = 0; i < 2 && batch; i++) {
    CHECK(!(status = COUNTED(eplb_batch_begin(batch, 0, count))) || status == EPLB_ERR_MPI);
    if (status)
      break;
    CHECK(!COUNTED(eplb_batch_test(batch, &arrived)));
    status = COUNTED(eplb_batch_end(batch, share, NULL));
    CHECK(!status || status == EPLB_ERR_MPI);
    failed = on_any_rank(failing_mpi_failures());
    failing_mpi_pause();
  }
  failed |= on_any_rank(failing_mpi_failures());
  if (batch) {
    failing_mpi_after(-1, how);
    status = eplb_batch_begin(batch, 0, count);
    status = status ? status : eplb_batch_end(batch, share, NULL);
    check_same("eplb_batch_end after it", status);
    CHECK(!status == !failed);
    eplb_batch_destroy(&batch);
  }
  free(share);
  return failed;
}

static void batches(void) {
  const failing_mpi_t how[] = {FAILING_MPI_AFTER, FAILING_MPI_INSTEAD, FAILING_MPI_ALIKE};
  eplb_topology_t *topology = job_deal_topology(1, JOB_EXPERTS);
  eplb_placement_t *placement;
  eplb_dispatch_t *dispatch;
  int slots = eplb_topology_num_slots(topology);
  CHECK(!eplb_placement_create_linear(1, JOB_EXPERTS, slots, &placement));
  CHECK(!eplb_dispatch_create(topology, placement, &dispatch));
  for (int h = 0; h < 3; h++)
    for (int at = 0; at < (how[h] == FAILING_MPI_ALIKE ? 1 : num_ranks); at++) {
      long n = 0;
      while (try_batch(n, at, how[h], dispatch, slots) && n < 200)
        n++;
      CHECK(n > 2 && n < 200);
    }
  eplb_dispatch_destroy(&dispatch);
  eplb_placement_destroy(&placement);
  eplb_topology_destroy(&topology);
  mpi_tap_case("batches");
}

enum { GRADIENT = 100 };

/* Routes a batch and adds up gradients: what failed on one rank in the last message of the first call is told by the
 * second. */
static eplb_status_t route_and_reduce(eplb_session_t *session, eplb_routing_t *routing, float *gradient) {
  const int32_t expert[] = {0, 5, 5, 7};
  const eplb_gradient_t tensor = {EPLB_FLOAT, GRADIENT, gradient, GRADIENT * sizeof *gradient, NULL};
  eplb_status_t status = COUNTED(eplb_session_route(session, 0, &(eplb_choices_t){2, 2, 4, expert}, routing));
  CHECK(!status || status == EPLB_ERR_MPI);
  status = COUNTED(eplb_replicas_reduce_begin(session, 0, &tensor, 1));
  check_same("eplb_replicas_reduce_begin", status);
  if (status)
    return status;
  status = COUNTED(eplb_replicas_reduce_end(session, 0));
  CHECK(!status || status == EPLB_ERR_MPI);
  return status;
}

/* Whether anything failed. */
static int try_traffic(long n, int at, failing_mpi_t how) {
  eplb_topology_t *topology;
  eplb_session_options_t o = small_options(0, &topology);
  eplb_session_t *session = NULL;
  eplb_routing_t *routing = NULL;
  CHECK(!eplb_session_create(comm, &o, &session));
  float *gradient = calloc((size_t)o.slots_per_rank * GRADIENT, sizeof *gradient);
  failing_mpi_after(how == FAILING_MPI_ALIKE || rank == at ? n : -1, how);
  eplb_status_t status = COUNTED(eplb_session_routing_create(session, 4, EPLB_SPLIT_SHARES, &routing));
  check_same("eplb_session_routing_create", status);
  if (!status)
    status = route_and_reduce(session, routing, gradient);
  int has_failed = on_any_rank(failing_mpi_failures());
  failing_mpi_after(-1, how);
  eplb_routing_t *again = NULL;
  status = eplb_session_routing_create(session, 4, EPLB_SPLIT_SHARES, &again); /* all ranks know by now */
  check_same("eplb_session_routing_create after it", status);
  CHECK(!status == !has_failed);
  eplb_routing_destroy(&again);
  eplb_routing_destroy(&routing);
  CHECK(!eplb_session_destroy(&session) && !session);
  eplb_topology_destroy(&topology);
  free(gradient);
  return has_failed;
}

static void traffic(void) {
  const failing_mpi_t how[] = {FAILING_MPI_AFTER, FAILING_MPI_INSTEAD, FAILING_MPI_ALIKE};
  for (int h = 0; h < 3; h++)
    for (int at = 0; at < (how[h] == FAILING_MPI_ALIKE ? 1 : num_ranks); at++) {
      long n = 0;
      while (try_traffic(n, at, how[h]) && n < 300)
        n++;
      CHECK(n > 4 && n < 300);
    }
  mpi_tap_case("routed tokens and gradients of replicas");
}

/* A session that is saved, and restored from its file. */
static int try_saved(long n, int at, failing_mpi_t how) {
  eplb_topology_t *topology;
  eplb_session_options_t o = small_options(0, &topology);
  eplb_session_t *session = NULL, *again = NULL;
  CHECK(!eplb_session_create(comm, &o, &session));
  failing_mpi_after(how == FAILING_MPI_ALIKE || rank == at ? n : -1, how);
  eplb_status_t status = COUNTED(eplb_session_save(session, "mpi_errors.eplb"));
  check_same("eplb_session_save", status);
  int has_failed = on_any_rank(failing_mpi_failures());
  CHECK(!status || has_failed);
  status = COUNTED(eplb_session_restore(comm, &o, "mpi_errors.eplb", &again));
  check_same("eplb_session_restore", status);
  CHECK(!status == (again != NULL));
  has_failed = on_any_rank(failing_mpi_failures());
  CHECK(!status || has_failed);
  failing_mpi_after(-1, how);
  eplb_session_destroy(&again); /* or tells what failed in the last message */
  eplb_session_destroy(&session);
  CHECK(!again && !session);
  eplb_topology_destroy(&topology);
  return has_failed;
}

static void saved(void) {
  const failing_mpi_t how[] = {FAILING_MPI_AFTER, FAILING_MPI_INSTEAD, FAILING_MPI_ALIKE};
  for (int h = 0; h < 3; h++)
    for (int at = 0; at < (how[h] == FAILING_MPI_ALIKE ? 1 : num_ranks); at++) {
      long n = 0;
      while (try_saved(n, at, how[h]) && n < 300)
        n++;
      CHECK(n > 4 && n < 300);
    }
  if (rank == 0)
    remove("mpi_errors.eplb");
  mpi_tap_case("saved sessions");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  PMPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  PMPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); /* MPICH's choice for requests */
  PMPI_Comm_dup(MPI_COMM_WORLD, &comm);
  PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  sessions(FAILING_MPI_AFTER, "each call of MPI is done and fails");
  sessions(FAILING_MPI_INSTEAD, "each call of MPI that is not collective fails");
  sessions(FAILING_MPI_FROM_THEN, "each call of MPI fails from one on");
  sessions(FAILING_MPI_ALIKE, "each collective call of MPI fails on all ranks alike");
  with_other_faults();
  destroy();
  detections();
  batches();
  traffic();
  saved();
  PMPI_Comm_free(&comm);
  return mpi_tap_end();
}
