/* Shadow and in place, fixed addresses and tables, by shared memory and by MPI: byte for byte, called off, and with
 * faults. */
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"
#include <string.h>

static int rank, num_ranks;

static void start(cargo_t *cargo, const eplb_session_options_t *options, const eplb_placement_t *initial) {
  eplb_session_options_t o = *options;
  eplb_topology_t *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank);
  o.topology = topology;
  o.initial = initial;
  cargo_start(cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
  eplb_topology_destroy(&topology);
}

static void rounds_by_each_way(void) {
  for (int way = 0; way < TRIAL_WAYS; way++) {
    eplb_session_options_t o = trial_way(way);
    trial_rounds(&o, num_ranks > 2 ? 2 : 1);
  }
  mpi_tap_case("all bytes right by each way");
}

static void bytes_one_by_one(void) {
  static const cargo_tensor_t tiny[] = {{"weights", 5, 1, 0}, {"none", 0, 0, 0}, {"scale", 1, 0, 1}};
  static const cargo_tensor_t nothing[] = {{"none", 0, 0, 0}};
  for (int way = 0; way < TRIAL_WAYS; way++)
    for (int is_tiny = 0; is_tiny < 2; is_tiny++) {
      eplb_session_options_t o = trial_way(way);
      o.chunk_bytes = 1;
      cargo_t cargo;
      cargo_start(&cargo, &o, is_tiny ? tiny : nothing, is_tiny ? 3 : 1, o.slots_per_rank);
      cargo_record(&cargo, way);
      CHECK(!eplb_rebalance(cargo.session, NULL));
      CHECK(cargo_is_whole(&cargo) && mpi_tap_same(cargo_hash_of_maps(&cargo)));
      cargo_finish(&cargo);
    }
  mpi_tap_case("chunks of one byte, and experts of none");
}

static void empty_slots_are_filled(void) {
  uint64_t state = 4711;
  for (int way = 0; way < TRIAL_WAYS; way++) {
    eplb_session_options_t o = trial_way(way);
    eplb_placement_t *initial = trial_placement(&state, o.num_layers, o.num_experts, o.slots_per_rank * num_ranks, 1);
    cargo_t cargo;
    start(&cargo, &o, initial);
    cargo_record(&cargo, way);
    CHECK(!eplb_rebalance(cargo.session, NULL));
    CHECK(cargo_is_whole(&cargo) && mpi_tap_same(cargo_hash_of_maps(&cargo)));
    cargo_finish(&cargo);
    eplb_placement_destroy(&initial);
  }
  mpi_tap_case("slots that hold nothing are filled");
}

static int count_empty(const cargo_t *cargo) {
  const eplb_placement_t *p = eplb_session_placement(cargo->session);
  int empty = 0;
  for (int i = 0; i < p->num_layers * p->num_slots; i++)
    empty += p->physical_to_logical[i] == EPLB_EMPTY;
  return empty;
}

/* Ends after `commits` commits, and `tests` more looks at what is under way. Returns how many slots that leaves empty.
 * */
static int end_early(int way, int commits, int tests) {
  eplb_session_options_t o = trial_way(way);
  cargo_t cargo;
  start(&cargo, &o, NULL);
  cargo_record(&cargo, way);
  CHECK(!eplb_rebalance_begin(cargo.session));
  int layer = EPLB_LAYER_NONE;
  for (int i = 0; i < commits && layer != EPLB_LAYER_DONE; i++)
    if (!eplb_rebalance_wait(cargo.session, &layer) && layer >= 0)
      CHECK(!eplb_rebalance_commit(cargo.session, layer));
  for (int i = 0; i < tests; i++)
    CHECK(!eplb_rebalance_test(cargo.session, &layer));
  eplb_report_t report = {.size = sizeof report};
  CHECK(!eplb_rebalance_end(cargo.session, &report));
  CHECK(report.commits_done <= commits);
  CHECK(cargo_is_whole(&cargo) && mpi_tap_same(cargo_hash_of_maps(&cargo)));
  int empty = count_empty(&cargo);
  CHECK(!empty || o.mode == EPLB_MODE_IN_PLACE);
  cargo_record(&cargo, way + 1);
  CHECK(!eplb_rebalance(cargo.session, &report) && report.layers_committed == report.layers_planned);
  CHECK(cargo_is_whole(&cargo) && !count_empty(&cargo));
  cargo_finish(&cargo);
  return empty;
}

static void early_ends(void) {
  int empty = 0;
  for (int way = 0; way < TRIAL_WAYS; way++)
    for (int commits = 0; commits < 4; commits++)
      empty += end_early(way, commits, commits % 2 * 2);
  CHECK(num_ranks == 1 || empty > 0);
  mpi_tap_case("called off by each way: the placement is valid, its bytes are right");
}

/* ---- faults ---- */

typedef struct fault {
  eplb_step_t step;
  int at, flips, hits, late; /* the first `late` times nothing happens */
  char *damaged;             /* to be mended: it may be a slot that is only read */
} fault_t;

static eplb_status_t inject(void *arg, eplb_step_t step, void *bytes, size_t size) {
  fault_t *fault = arg;
  if (step != fault->step || rank != fault->at || fault->late-- > 0)
    return EPLB_SUCCESS;
  if (!fault->flips) {
    fault->hits++;
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "injected at step %d", (int)step);
  }
  if (size && !fault->hits++) {
    fault->damaged = (char *)bytes + size / 2;
    *fault->damaged ^= 8;
  }
  return EPLB_SUCCESS;
}

/* A flip on the way out may be in the slot that is sent from: then the slot has changed. */
static int is_found(eplb_status_t status, eplb_step_t step) {
  if (status == EPLB_ERR_CHANGED)
    return step == EPLB_STEP_SEND && strstr(eplb_last_error(), "was written on rank");
  return status == EPLB_ERR_CORRUPT && strstr(eplb_last_error(), "checksum");
}

/* Whether any rank was hit. */
static int fail_at(int way, eplb_step_t step, int at, int flips) {
  fault_t fault = {.step = step, .at = at, .flips = flips, .late = way % 5};
  eplb_session_options_t o = trial_way(way);
  o.fault = inject;
  o.fault_arg = &fault;
  cargo_t cargo;
  start(&cargo, &o, NULL);
  cargo_record(&cargo, way);
  long long maps = cargo_hash_of_maps(&cargo);
  eplb_status_t status = eplb_rebalance(cargo.session, NULL);
  if (fault.damaged && step == EPLB_STEP_SEND)
    *fault.damaged ^= 8;
  fault.step = EPLB_NUM_STEPS;
  CHECK(!status || !flips || is_found(status, step));
  CHECK(!status || flips || (status == EPLB_ERR_UNSUPPORTED && strstr(eplb_last_error(), "injected")));
  CHECK(cargo_is_whole(&cargo));
  int any = trial_outcome(&cargo, status, fault.hits, maps);
  cargo_finish(&cargo);
  return any;
}

static void faults_by_each_way(int flips, const char *title) {
  for (int way = 0; way < TRIAL_WAYS; way++)
    for (int step = EPLB_STEP_SEND; step < EPLB_NUM_STEPS; step++) {
      int hits = 0;
      for (int at = 0; at < num_ranks; at++)
        hits += fail_at(way, (eplb_step_t)step, at, flips);
      CHECK(num_ranks == 1 || hits > 0);
    }
  mpi_tap_case(title);
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  rounds_by_each_way();
  bytes_one_by_one();
  empty_slots_are_filled();
  early_ends();
  faults_by_each_way(0, "each step of moving fails on each rank by each way");
  faults_by_each_way(1, "a flipped bit is found at each step on each rank by each way");
  return mpi_tap_end();
}
