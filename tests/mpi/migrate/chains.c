/* Experts that cross the network more than once are cut finer than others, alike at both ends; all bytes are right, and
 * a failure in the middle of a chain is every rank's. */
#include "cargo.h"
#include "core/model/placement.h"
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"

static int rank, num_ranks;

enum { LAYERS = 2, SLOTS = 4, BYTES = 21000, CHUNK = 4096 /* a 32nd would be less */ };
static const cargo_tensor_t tensors[] = {{"weights", 20000, 0, 0}, {"scales", 1000, 0, 0}};

/* Each rank is a node by itself. At first it holds one expert, in all of its slots. */
static void start(cargo_t *cargo, eplb_session_options_t o) {
  eplb_topology_t *topology;
  eplb_placement_t *initial;
  o.num_layers = LAYERS, o.num_experts = num_ranks, o.slots_per_rank = SLOTS;
  o.chunk_bytes = 1 << 20;
  CHECK(!eplb_topology_declare(num_ranks, num_ranks, SLOTS, &topology));
  CHECK(!eplb_placement_create_linear(LAYERS, num_ranks, num_ranks * SLOTS, &initial));
  for (int s = 0; s < LAYERS * num_ranks * SLOTS; s++)
    initial->physical_to_logical[s] = s / SLOTS % num_ranks;
  CHECK(!eplb_placement_index(initial));
  o.topology = topology;
  o.initial = initial;
  cargo_start(cargo, &o, tensors, 2, SLOTS);
  eplb_topology_destroy(&topology);
  eplb_placement_destroy(&initial);
}

/* So many tokens for the first expert that every rank gets it. */
static void record(const cargo_t *cargo) {
  int64_t count[64] = {1000};
  for (int e = 1; e < num_ranks; e++)
    count[e] = 10;
  for (int l = 0; l < LAYERS; l++)
    CHECK(!eplb_session_record(cargo->session, l, count));
}

static int is_in_chain(const eplb_transfers_t *list, const eplb_transfer_t *t) {
  int goes_on = 0;
  for (int64_t i = 0; i < list->count; i++) {
    const eplb_transfer_t *next = &list->transfer[i];
    goes_on |= next->expert == t->expert && next->from_device == t->to_device && next->link == EPLB_LINK_NETWORK;
  }
  return goes_on || t->stage > 0;
}

/* The messages that all ranks should have sent from one placement to the other, and how many experts went in chains. */
static int64_t count_messages(const cargo_t *cargo, const eplb_placement_t *before, int *chained) {
  eplb_deriver_t *deriver;
  eplb_transfers_t list = {0};
  int64_t messages = 0;
  CHECK(!eplb_deriver_create(eplb_session_topology(cargo->session), num_ranks, &deriver));
  for (int l = 0; l < LAYERS; l++) {
    CHECK(!eplb_derive_layer(deriver, eplb_placement_row(before, l),
                             eplb_placement_row(eplb_session_placement(cargo->session), l), l, BYTES, &list));
    for (int64_t i = 0; i < list.count; i++)
      if (list.transfer[i].link == EPLB_LINK_NETWORK) {
        int is_fine = is_in_chain(&list, &list.transfer[i]);
        messages += is_fine ? (BYTES + (int)sizeof(uint64_t) + CHUNK - 1) / CHUNK : 1;
        *chained += is_fine;
      }
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  return messages;
}

static void finer_chunks(void) {
  eplb_session_options_t o = trial_options();
  o.shared_bytes = 0;
  cargo_t cargo;
  start(&cargo, o);
  record(&cargo);
  eplb_placement_t *before;
  eplb_report_t report = {.size = sizeof report};
  CHECK(!eplb_placement_copy(eplb_session_placement(cargo.session), &before));
  CHECK(!eplb_rebalance(cargo.session, &report));
  CHECK(cargo_is_whole(&cargo));
  int chained = 0;
  int64_t sent;
  MPI_Allreduce(&report.messages[EPLB_LINK_NETWORK], &sent, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  CHECK(sent == count_messages(&cargo, before, &chained));
  CHECK((chained > 0) == (num_ranks > 2));
  eplb_placement_destroy(&before);
  cargo_finish(&cargo);
  mpi_tap_case("experts in chains are cut finer");
}

typedef struct flip {
  int rank, at, chunks, hits; /* damages chunk number `at` of those that come to the rank */
} flip_t;

static eplb_status_t inject(void *arg, eplb_step_t step, void *bytes, size_t size) {
  flip_t *flip = arg;
  if (step != EPLB_STEP_RECEIVE || rank != flip->rank || flip->chunks++ != flip->at)
    return EPLB_SUCCESS;
  ((char *)bytes)[size / 2] ^= 4;
  flip->hits++;
  return EPLB_SUCCESS;
}

static void flipped_bits(void) {
  int found = 0;
  for (int way = 0; way < 4; way++)
    for (int at = 0; at < num_ranks; at++) {
      flip_t flip = {at, way * 2, 0, 0};
      eplb_session_options_t o = trial_options();
      o.mode = way % 2 ? EPLB_MODE_IN_PLACE : EPLB_MODE_SHADOW;
      o.shared_bytes = way / 2 ? 0 : o.shared_bytes;
      o.fault = inject;
      o.fault_arg = &flip;
      cargo_t cargo;
      start(&cargo, o);
      long long maps = cargo_hash_of_maps(&cargo);
      record(&cargo);
      eplb_status_t status = eplb_rebalance(cargo.session, NULL);
      int hits = flip.hits;
      flip.rank = -1;
      found += trial_outcome(&cargo, status, hits, maps);
      cargo_finish(&cargo);
    }
  CHECK(num_ranks == 1 || found > 0);
  mpi_tap_case("a flipped bit in a chain is found on every rank");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  finer_chunks();
  flipped_bits();
  return mpi_tap_end();
}
