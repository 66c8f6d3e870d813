/* Ranks without slots: they count tokens and take part in every call, and no weights come to them. */
#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>
#include <string.h>

static int num_ranks;

/* Slots for the first rank, for every other one, or for the last two only. */
static eplb_topology_t *sparse_topology(int kind, int nodes) {
  int *node = calloc((size_t)num_ranks, sizeof *node), *slots = calloc((size_t)num_ranks, sizeof *slots);
  int with = 0;
  for (int r = 0; r < num_ranks; r++)
    with += slots[r] = kind == 0 ? r == 0 : kind == 1 ? r % 2 == 0 : r >= num_ranks - 2;
  for (int r = 0; r < num_ranks; r++) {
    node[r] = r % nodes;
    slots[r] *= (JOB_EXPERTS + JOB_EXPERTS / 4 + with - 1) / with;
  }
  eplb_topology_t *topology = NULL;
  CHECK(!eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                             .num_devices = num_ranks,
                                                             .num_levels = 1,
                                                             .level_name = (const char *const[]){"node"},
                                                             .domain = node,
                                                             .slots = slots,
                                                             .declared = 1},
                              &topology));
  free(slots);
  free(node);
  return topology;
}

static eplb_session_options_t sparse_options(const eplb_topology_t *topology) {
  eplb_session_options_t o = job_options();
  o.slots_per_rank = 0;
  o.topology = topology;
  job_plan.planner = EPLB_PLANNER_WINDOW;
  job_plan.num_groups = 1;
  return o;
}

static void rounds(int kind, int nodes, eplb_mode_t mode) {
  job_t job;
  eplb_topology_t *topology = sparse_topology(kind, nodes);
  eplb_session_options_t o = sparse_options(topology);
  o.mode = mode;
  job_start(&job, &o);
  for (int round = 0; round < 3; round++) {
    job_record(&job, round, 0);
    CHECK(!eplb_rebalance(job.session, NULL));
    CHECK(job_is_whole(&job) && mpi_tap_same(job_hash_of_maps(&job)));
  }
  CHECK(!eplb_session_redetect(job.session));
  job_record(&job, 3, 0);
  CHECK(!eplb_rebalance(job.session, NULL) && job_is_whole(&job));
  job_finish(&job);
  eplb_topology_destroy(&topology);
}

static void any_rank_may_be_empty(void) {
  for (int kind = 0; kind < 3; kind++)
    for (int nodes = 1; nodes <= 2 && nodes <= num_ranks; nodes++) {
      rounds(kind, nodes, EPLB_MODE_SHADOW);
      rounds(kind, nodes, EPLB_MODE_IN_PLACE);
    }
  mpi_tap_case("rounds with ranks that have no slots");
}

/* Of such ranks no memory is asked for. */
static void nothing_need_be_registered_there(void) {
  eplb_topology_t *topology = sparse_topology(0, 1);
  eplb_session_options_t o = sparse_options(topology);
  eplb_session_t *s = NULL;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &s));
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  size_t slots = rank ? 0 : (size_t)eplb_topology_num_slots(topology);
  char *memory = slots ? calloc(slots * JOB_LAYERS, 64) : NULL;
  void **table = slots ? calloc(slots * (JOB_LAYERS + 1), sizeof *table) : NULL, *spare[1] = {NULL};
  for (size_t k = 0; k < slots * (JOB_LAYERS + 1); k++)
    table[k] = malloc(32);
  spare[0] = malloc(32);
  for (int l = 0; l < JOB_LAYERS; l++) {
    CHECK(!eplb_session_register(s, l, "w", memory ? memory + (size_t)l * slots * 64 : NULL, 64, 64));
    CHECK(!eplb_session_register_table(s, l, "t", table ? table + (size_t)l * slots : NULL, 32));
  }
  CHECK(!eplb_session_register_spares(s, "t", spare, 1, 32));
  int64_t count[JOB_EXPERTS];
  for (int e = 0; e < JOB_EXPERTS; e++)
    count[e] = e * e;
  for (int l = 0; l < JOB_LAYERS; l++)
    CHECK(!eplb_session_record(s, l, count));
  CHECK(!eplb_rebalance(s, NULL));
  CHECK(!eplb_session_destroy(&s));
  for (size_t k = 0; k < slots * (JOB_LAYERS + 1); k++)
    free(table[k]);
  free(spare[0]);
  free(table);
  free(memory);
  eplb_topology_destroy(&topology);
  mpi_tap_case("a rank without slots registers tensors at NULL");
}

/* Its tokens go to the replicas of others. */
static void its_tokens_are_dispatched(void) {
  eplb_topology_t *topology = sparse_topology(1, 1);
  int slots = eplb_topology_num_slots(topology), sum = 0;
  eplb_placement_t *placement = NULL;
  eplb_dispatch_t *dispatch = NULL;
  eplb_batch_t *batch = NULL;
  CHECK(!eplb_placement_create_linear(1, JOB_EXPERTS, slots, &placement));
  CHECK(!eplb_dispatch_create(topology, placement, &dispatch));
  CHECK(!eplb_batch_create(MPI_COMM_WORLD, dispatch, &batch));
  int64_t count[JOB_EXPERTS];
  for (int e = 0; e < JOB_EXPERTS; e++)
    count[e] = e;
  float *share = calloc((size_t)slots, sizeof *share);
  int32_t *quota = calloc((size_t)slots, sizeof *quota);
  CHECK(!eplb_batch_begin(batch, 0, count));
  CHECK(!eplb_batch_end(batch, share, quota));
  for (int k = 0; k < slots; k++)
    sum += quota[k];
  CHECK(sum == JOB_EXPERTS * (JOB_EXPERTS - 1) / 2);
  CHECK(!eplb_batch_destroy(&batch));
  eplb_dispatch_destroy(&dispatch);
  eplb_placement_destroy(&placement);
  eplb_topology_destroy(&topology);
  free(share);
  free(quota);
  mpi_tap_case("a rank without slots dispatches its tokens");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  any_rank_may_be_empty();
  nothing_need_be_registered_there();
  its_tokens_are_dispatched();
  return mpi_tap_end();
}
