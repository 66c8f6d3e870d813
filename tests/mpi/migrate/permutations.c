/* Random permutations of all slots, with staging for one expert only: the worst that a rebalance can be asked for. */
#include "job.h"
#include "mpi_tap.h"
#include "trial.h"
#include <stdio.h>

enum { LAYERS = 8, SLOTS = 3 };

static int num_ranks, permutations;

static const cargo_tensor_t fixed[] = {{"weights", 61, 3, 0}, {"scales", 3, 0, 0}};
static const cargo_tensor_t mixed[] = {{"weights", 41, 0, 1}, {"none", 0, 0, 0}, {"scales", 5, 1, 0}};

typedef struct way {
  eplb_mode_t mode;
  const cargo_tensor_t *tensor;
  int num_tensors, num_spares;
  size_t one_expert; /* of the last layer, in staging */
  size_t shared_bytes;
} way_t;

static const way_t ways[] = {
    {EPLB_MODE_SHADOW, fixed, 2, 1, 96, 0},         {EPLB_MODE_IN_PLACE, fixed, 2, 1, 96, 0},
    {EPLB_MODE_SHADOW, mixed, 3, 1, 16, 600},       {EPLB_MODE_IN_PLACE, mixed, 3, 1, 16, 600},
    {EPLB_MODE_IN_PLACE, fixed, 2, 1, 96, 4 << 20}, {EPLB_MODE_SHADOW, fixed, 2, 1, 96, 4 << 20}};
enum { NUM_WAYS = sizeof ways / sizeof *ways };

/* Each part is right as soon as it is committed; layers that are not named yet may be in use, unless they are moved in
 * place. */
static void commit_all(const cargo_t *cargo, eplb_mode_t mode) {
  int layer = EPLB_LAYER_NONE;
  while (layer != EPLB_LAYER_DONE) {
    eplb_status_t status = eplb_rebalance_wait(cargo->session, &layer);
    CHECK(!status && mpi_tap_same(layer));
    if (status || layer < 0)
      break;
    CHECK(!eplb_rebalance_commit(cargo->session, layer));
    CHECK(eplb_placement_validate(eplb_session_placement(cargo->session)) == EPLB_SUCCESS);
    CHECK(mode == EPLB_MODE_SHADOW ? cargo_is_whole(cargo) : cargo_layer_is_whole(cargo, layer));
  }
}

static void permute(uint64_t *state, const way_t *way) {
  eplb_session_options_t o = trial_options();
  o.num_layers = LAYERS;
  o.slots_per_rank = SLOTS;
  o.num_experts = num_ranks * SLOTS;
  o.mode = way->mode;
  o.staging_bytes = way->one_expert;
  o.shared_bytes = way->shared_bytes;
  o.chunk_bytes = way->shared_bytes ? 33 : 1 << 20;
  eplb_topology_t *topology = job_deal_topology(num_ranks > 3 ? 1 + trial_random(state, 3) : 1, SLOTS);
  eplb_placement_t *initial = trial_placement(state, LAYERS, o.num_experts, o.num_experts, 0);
  o.topology = topology;
  o.initial = initial;
  cargo_t cargo;
  cargo_start(&cargo, &o, way->tensor, way->num_tensors, way->num_spares);
  cargo_record(&cargo, 0);
  CHECK(!eplb_rebalance_begin(cargo.session));
  commit_all(&cargo, way->mode);
  eplb_report_t report = {.size = sizeof report};
  CHECK(!eplb_rebalance_end(cargo.session, &report));
  CHECK(cargo_is_whole(&cargo) && report.verified);
  CHECK(report.layers_committed == report.layers_planned && report.commits_done == report.commits_planned);
  CHECK(report.commits_done > report.layers_planned || num_ranks == 1);
  CHECK(report.staging_peak <= way->one_expert);
  permutations += report.layers_committed;
  cargo_finish(&cargo);
  eplb_placement_destroy(&initial);
  eplb_topology_destroy(&topology);
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  uint64_t state = (uint64_t)num_ranks;
  for (int round = 0; round < (num_ranks < 16 ? 4 : 2); round++)
    for (int w = 0; w < NUM_WAYS; w++)
      permute(&state, &ways[w]);
  CHECK(permutations > 0 || num_ranks == 1);
  char title[96];
  snprintf(title, sizeof title, "%d random permutations with staging of one expert end, and every byte is right",
           permutations);
  mpi_tap_case(title);
  return mpi_tap_end();
}
