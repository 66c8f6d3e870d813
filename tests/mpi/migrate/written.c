/* Weights that the job writes while they move: found on all ranks, and never stale. */
#include "guarded.h"
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"
#include <string.h>

static int rank, num_ranks;

/* `memory` may be NULL: the host's. */
static void start(cargo_t *cargo, int way, eplb_verify_t verify, const eplb_memory_t *memory) {
  eplb_session_options_t o = trial_way(way);
  o.verify = verify;
  o.memory = memory;
  eplb_topology_t *topology = job_deal_topology(num_ranks > 2 ? 2 : 1, o.slots_per_rank); /* experts are passed on */
  o.topology = topology;
  cargo_start(cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
  eplb_topology_destroy(&topology);
}

/* What the job does at a point of a rebalance. */
typedef struct writer {
  int at;         /* the point: 0 after begin, then one after each test and each commit */
  int everything; /* as an optimizer does; else one slot of one rank: */
  int layer, rank, slot, is_one_byte;
  int points;    /* passed so far */
  int is_late;   /* no layer was moving any more */
  int has_found; /* it wrote */
} writer_t;

static int any_is_moving(const cargo_t *cargo) {
  for (int l = 0; l < cargo->num_layers; l++)
    if (eplb_rebalance_is_moving(cargo->session, l))
      return 1;
  return 0;
}

static void pass_point(cargo_t *cargo, writer_t *w) {
  if (w->points++ != w->at)
    return;
  w->has_found = 1;
  w->is_late = !any_is_moving(cargo);
  MPI_Barrier(MPI_COMM_WORLD);
  for (int l = 0; l < cargo->num_layers && w->everything; l++)
    cargo_write(cargo, l);
  if (!w->everything && w->rank == rank && w->slot < cargo->num_slots)
    cargo_invert(cargo, w->layer, w->slot, w->is_one_byte);
  MPI_Barrier(MPI_COMM_WORLD);
}

/* A rebalance between whose calls the job writes. `waits`: by wait instead of test. */
static eplb_status_t rebalance(cargo_t *cargo, writer_t *w, int waits) {
  int layer = EPLB_LAYER_NONE;
  eplb_status_t status = eplb_rebalance_begin(cargo->session);
  CHECK(!status);
  pass_point(cargo, w);
  while (!status && layer != EPLB_LAYER_DONE) {
    status = waits ? eplb_rebalance_wait(cargo->session, &layer) : eplb_rebalance_test(cargo->session, &layer);
    if (!status)
      pass_point(cargo, w);
    if (!status && layer >= 0) {
      status = eplb_rebalance_commit(cargo->session, layer);
      pass_point(cargo, w);
    }
  }
  int same = mpi_tap_same(status);
  CHECK(same);
  same = mpi_tap_same_text(status ? eplb_last_error() : "");
  CHECK(same);
  CHECK(!status || (status == EPLB_ERR_CHANGED && strstr(eplb_last_error(), "after the rebalance began")));
  CHECK(!status || !any_is_moving(cargo));
  CHECK(!status || eplb_rebalance_test(cargo->session, &layer) == EPLB_ERR_STATE);
  CHECK(!eplb_rebalance_end(cargo->session, NULL));
  same = mpi_tap_same(cargo_hash_of_maps(cargo));
  CHECK(same);
  return status;
}

/* At each point in turn, until a rebalance has fewer. */
static void optimizer_at_each_point(int way, eplb_verify_t verify, int waits, const eplb_memory_t *memory) {
  cargo_t cargo;
  start(&cargo, way, verify, memory);
  int found = 0;
  for (int at = 0, passed = 1; passed && at < 60; at++) {
    writer_t w = {.at = at, .everything = 1};
    cargo_record(&cargo, at);
    eplb_status_t status = rebalance(&cargo, &w, waits);
    CHECK(cargo_is_whole(&cargo));
    CHECK((status == EPLB_ERR_CHANGED) == (w.has_found && !w.is_late));
    found += status != EPLB_SUCCESS;
    passed = w.has_found;
  }
  CHECK(found > 1);
  cargo_record(&cargo, 61);
  CHECK(!eplb_rebalance(cargo.session, NULL) && cargo_is_whole(&cargo));
  cargo_finish(&cargo);
}

static void optimizers(void) {
  for (int way = 0; way < TRIAL_WAYS; way++)
    optimizer_at_each_point(way, way % 3 ? EPLB_VERIFY_NEVER : EPLB_VERIFY_FIRST, way % 5 > 0, NULL);
  mpi_tap_case("all weights written at each point of a rebalance: found by samples, never stale");
  for (int way = 0; way < TRIAL_WAYS; way += 3)
    optimizer_at_each_point(way, EPLB_VERIFY_ALWAYS, 1, NULL);
  mpi_tap_case("the same, with checksums of whole experts");
}

static void on_a_device(void) {
  for (int way = 0; way < 4; way++) {
    guarded_t guarded;
    guarded_init(&guarded);
    optimizer_at_each_point(way, EPLB_VERIFY_NEVER, 1, &guarded.memory);
    CHECK(guarded.live == 0);
  }
  mpi_tap_case("the same by samples of memory that the processor cannot touch");
}

/* One slot alone is written, which nobody may do: either that is found, or the slot holds what was written, or the
 * expert that came, and no other slot is touched by it. Returns whether it was found. */
static int write_slot(cargo_t *cargo, writer_t *w) {
  eplb_status_t status = rebalance(cargo, w, 1);
  if (w->has_found && w->rank == rank && w->slot < cargo->num_slots && !cargo_slot_is_whole(cargo, w->layer, w->slot))
    cargo_invert(cargo, w->layer, w->slot, w->is_one_byte);
  CHECK(cargo_is_whole(cargo));
  return status == EPLB_ERR_CHANGED;
}

static void each_slot(int way, int is_one_byte) {
  cargo_t cargo;
  start(&cargo, way, is_one_byte ? EPLB_VERIFY_ALWAYS : EPLB_VERIFY_NEVER, NULL);
  int found = 0;
  for (int at = 0; at < 2; at++)
    for (int r = 0; r < num_ranks; r++)
      for (int slot = at; slot < trial_options().slots_per_rank; slot += 2) {
        writer_t w = {.at = at, .rank = r, .slot = slot, .layer = slot % 2, .is_one_byte = is_one_byte};
        cargo_record(&cargo, at + 2 * r + slot);
        found += write_slot(&cargo, &w);
        CHECK(!found || w.has_found);
      }
  CHECK(found > 0);
  cargo_finish(&cargo);
}

static void slots(void) {
  for (int way = 0; way < TRIAL_WAYS; way++)
    each_slot(way, 0);
  mpi_tap_case("one slot written: found, or no other slot gets it");
  for (int way = 1; way < TRIAL_WAYS; way += 3)
    each_slot(way, 1);
  mpi_tap_case("one byte written: found by checksums of whole experts, or no other slot gets it");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  optimizers();
  on_a_device();
  slots();
  return mpi_tap_end();
}
