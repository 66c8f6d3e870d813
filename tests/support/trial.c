#include "trial.h"
#include "job.h"
#include "mpi_tap.h"

const cargo_tensor_t trial_tensors[TRIAL_TENSORS] = {
    {"weights", 1501, 64, 0}, {"moments", 0, 0, 0}, {"scales", 7, 1, 0}, {"by table", 333, 0, 1}, {"bias", 1, 0, 1}};

eplb_session_options_t trial_options(void) {
  eplb_session_options_t o = job_options();
  o.num_layers = 3;
  job_plan.num_groups = 1;
  o.verify = EPLB_VERIFY_ALWAYS;
  return o;
}

eplb_session_options_t trial_way(int way) {
  static const size_t shared[] = {0, 700, 4 << 20}, chunk[] = {1 << 20, 700, 41};
  eplb_session_options_t o = trial_options();
  o.mode = way % 2 ? EPLB_MODE_IN_PLACE : EPLB_MODE_SHADOW;
  o.staging_bytes = way / 2 % 2 ? 0 : 1648; /* what is not by table of an expert of the last layer */
  o.shared_bytes = shared[way / 4];
  o.chunk_bytes = chunk[(way + way / 4) % 3];
  return o;
}

int trial_random(uint64_t *state, int below) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (int)((*state >> 33) % (uint64_t)below);
}

eplb_placement_t *trial_placement(uint64_t *state, int layers, int experts, int slots, int empties) {
  eplb_placement_t *p = NULL;
  CHECK(!eplb_placement_create_linear(layers, experts, slots, &p));
  for (int l = 0; l < layers; l++) {
    int32_t *row = p->physical_to_logical + l * slots;
    for (int s = experts; s < slots; s++)
      row[s] = empties && trial_random(state, 2) ? EPLB_EMPTY : trial_random(state, experts);
    for (int s = slots - 1; s > 0; s--) {
      int other = trial_random(state, s + 1);
      int32_t here = row[s];
      row[s] = row[other];
      row[other] = here;
    }
  }
  CHECK(!eplb_placement_index(p));
  return p;
}

void trial_rounds(const eplb_session_options_t *options, int nodes) {
  eplb_session_options_t o = *options;
  eplb_topology_t *topology = job_deal_topology(nodes, o.slots_per_rank);
  o.topology = topology;
  cargo_t cargo;
  cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
  eplb_topology_destroy(&topology);
  int64_t moved = 0;
  for (int round = 0; round < 3; round++) {
    eplb_report_t report = {.size = sizeof report};
    cargo_record(&cargo, round);
    CHECK(!eplb_rebalance(cargo.session, &report));
    CHECK(cargo_is_whole(&cargo));
    CHECK(mpi_tap_same(cargo_hash_of_maps(&cargo)));
    CHECK(report.verified && report.layers_committed == report.layers_planned);
    CHECK(report.staging_peak <= report.staging_limit);
    moved += report.slots_changed;
  }
  CHECK(moved > 0);
  cargo_finish(&cargo);
}

int trial_outcome(cargo_t *cargo, eplb_status_t status, int hits, long long maps) {
  int hit = hits > 0, any;
  MPI_Allreduce(&hit, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  int same = mpi_tap_same(status);
  CHECK(same);
  CHECK((status != EPLB_SUCCESS) == any);
  same = mpi_tap_same_text(any ? eplb_last_error() : "");
  CHECK(same);
  same = mpi_tap_same(cargo_hash_of_maps(cargo));
  CHECK(same);
  if (cargo_hash_of_maps(cargo) == maps || !any)
    CHECK(cargo_is_whole(cargo));
  else
    cargo_fill(cargo); /* a copy into a slot may have failed after the ranks had agreed on the commit */
  CHECK(!eplb_rebalance(cargo->session, NULL)); /* with the counts of the one that failed, if it failed at once */
  cargo_record(cargo, 7);
  CHECK(!eplb_rebalance(cargo->session, NULL));
  CHECK(cargo_is_whole(cargo));
  return any;
}
