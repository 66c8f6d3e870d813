/* Weights that neither the processor nor MPI can touch. */
#include "guarded.h"
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"
#include <string.h>

static int rank, num_ranks;

static eplb_session_options_t options_of(guarded_t *guarded) {
  eplb_session_options_t o = trial_options();
  o.memory = &guarded->memory;
  return o;
}

static void rounds_in_each_mode(void) {
  for (int mode = EPLB_MODE_SHADOW; mode <= EPLB_MODE_IN_PLACE; mode++)
    for (int is_small = 0; is_small <= 1; is_small++)
      for (int nodes = 1; nodes <= 2 && nodes <= num_ranks; nodes++) {
        guarded_t guarded;
        guarded_init(&guarded);
        eplb_session_options_t o = options_of(&guarded);
        o.mode = (eplb_mode_t)mode;
        o.staging_bytes = is_small ? 2000 : 0;
        trial_rounds(&o, nodes);
        CHECK(guarded.live == 0);
      }
  mpi_tap_case("guarded memory: all bytes right in each mode, and nobody touches them");
}

typedef struct flip {
  int at, hits;
} flip_t;

static eplb_status_t flip_received(void *arg, eplb_step_t step, void *bytes, size_t size) {
  flip_t *flip = arg;
  if (step == EPLB_STEP_RECEIVE && rank == flip->at && size && flip->hits++ == 0)
    ((char *)bytes)[size / 2] ^= 16;
  return EPLB_SUCCESS;
}

static void corruption_is_found(void) {
  for (int at = 0; at < num_ranks; at++) {
    guarded_t guarded;
    guarded_init(&guarded);
    flip_t flip = {at, 0};
    eplb_session_options_t o = options_of(&guarded);
    o.fault = flip_received;
    o.fault_arg = &flip;
    cargo_t cargo;
    cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
    cargo_record(&cargo, 0);
    long long maps = cargo_hash_of_maps(&cargo);
    eplb_status_t status = eplb_rebalance(cargo.session, NULL);
    CHECK(status == (num_ranks > 1 ? EPLB_ERR_CORRUPT : EPLB_SUCCESS));
    CHECK(num_ranks == 1 || strstr(eplb_last_error(), "checksum"));
    CHECK(trial_outcome(&cargo, status, flip.hits, maps) == (num_ranks > 1));
    cargo_finish(&cargo);
  }
  mpi_tap_case("guarded memory: a flipped bit is found on each rank");
}

/* The n-th allocation or copy of one rank fails, for n = 0, 1, 4, 13, ... until there is none. */
static void fail_each(int at, int is_copy) {
  int any = 1;
  for (long n = 0; any && n < 100000; n += 2 * n + 1) {
    guarded_t guarded;
    guarded_init(&guarded);
    eplb_session_options_t o = options_of(&guarded);
    o.mode = n % 2 ? EPLB_MODE_IN_PLACE : EPLB_MODE_SHADOW;
    o.verify = n % 5 < 2 ? EPLB_VERIFY_ALWAYS : EPLB_VERIFY_NEVER;
    cargo_t cargo;
    cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
    cargo_record(&cargo, 1);
    long long maps = cargo_hash_of_maps(&cargo);
    guarded.copies = is_copy && rank == at ? n : -1;
    guarded.allocations = !is_copy && rank == at ? n : -1;
    eplb_status_t status = eplb_rebalance(cargo.session, NULL);
    guarded.copies = guarded.allocations = -1;
    CHECK(is_copy || status == EPLB_SUCCESS || (status == EPLB_ERR_MEMORY && cargo_hash_of_maps(&cargo) == maps));
    any = trial_outcome(&cargo, status, guarded.failures, maps);
    CHECK(n > 0 || any);
    cargo_finish(&cargo);
    CHECK(guarded.live == 0);
  }
}

static void failures_end_alike(void) {
  for (int at = 0; at < num_ranks; at++) {
    fail_each(at, 0);
    fail_each(at, 1);
  }
  mpi_tap_case("guarded memory: allocations and copies fail on each rank");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  rounds_in_each_mode();
  corruption_is_found();
  failures_end_alike();
  return mpi_tap_end();
}
