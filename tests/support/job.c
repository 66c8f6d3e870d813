#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>

eplb_topology_t *job_deal_topology(int nodes, int slots_per_rank) {
  int num_ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  int *node = calloc((size_t)num_ranks, sizeof *node), *slots = calloc((size_t)num_ranks, sizeof *slots);
  for (int r = 0; r < num_ranks; r++) {
    node[r] = r % nodes;
    slots[r] = slots_per_rank;
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

eplb_plan_options_t job_plan;

eplb_session_options_t job_options(void) {
  int num_ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  eplb_session_options_t o;
  eplb_session_options_init(&o);
  o.num_layers = JOB_LAYERS;
  o.num_experts = JOB_EXPERTS;
  o.slots_per_rank = (JOB_EXPERTS + JOB_EXPERTS / 4 + num_ranks - 1) / num_ranks;
  eplb_plan_options_init(&job_plan);
  job_plan.planner = EPLB_PLANNER_DEEPSEEK; /* which moves nearly all that can move */
  job_plan.num_groups = 4;
  o.plan = &job_plan;
  o.chunk_bytes = 700;
  return o;
}

void job_furnish(job_t *job) {
  const eplb_topology_t *t = eplb_session_topology(job->session);
  const eplb_placement_t *p = eplb_session_placement(job->session);
  MPI_Comm_rank(MPI_COMM_WORLD, &job->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &job->num_ranks);
  int slots = t->slot_begin[job->rank + 1] - t->slot_begin[job->rank];
  CHECK(!weights_create(p->num_layers, slots, 0, JOB_EXPERT_BYTES, NULL, &job->weights));
  weights_fill(&job->weights, p, t, job->rank);
  CHECK(!weights_register(&job->weights, job->session));
}

void job_start(job_t *job, const eplb_session_options_t *options) {
  *job = (job_t){0};
  CHECK(!eplb_session_create(MPI_COMM_WORLD, options, &job->session));
  job_furnish(job);
}

void job_finish(job_t *job) {
  CHECK(!eplb_session_destroy(&job->session) && !job->session);
  weights_free(&job->weights);
}

void job_record(const job_t *job, int round, int sparse) {
  int layers = eplb_session_placement(job->session)->num_layers;
  for (int l = 0; l < layers; l++) {
    int64_t count[JOB_EXPERTS];
    for (int e = 0; e < JOB_EXPERTS; e++)
      count[e] = 1 + (e * 37 + l * 11 + round * 53) % 91 * ((e + round) % 7 == 0 ? 20 : 1) + job->rank;
    if (!sparse || l % 2 == 0)
      CHECK(!eplb_session_record(job->session, l, count));
  }
}

int job_is_whole(const job_t *job) {
  int layer, slot;
  const eplb_placement_t *p = eplb_session_placement(job->session);
  return eplb_placement_validate(p) == EPLB_SUCCESS &&
         weights_count_wrong(&job->weights, p, eplb_session_topology(job->session), job->rank, &layer, &slot) == 0;
}

long long job_hash_of_maps(const job_t *job) {
  const eplb_placement_t *p = eplb_session_placement(job->session);
  unsigned long long hash = 1469598103934665603u;
  for (int i = 0; i < p->num_layers * p->num_slots; i++)
    hash = (hash ^ (unsigned)(p->physical_to_logical[i] + 2)) * 1099511628211u;
  return (long long)(hash >> 2);
}
