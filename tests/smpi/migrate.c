/* Migration on simulated machines: migrate NODES SLOTS BYTES RATE LOCAL_RATE ROUNDS, under smpirun. Moves from plan to
 * plan of a layer of 256 experts and prints what it took against the time that the busiest link needs by itself. Time
 * is simulated: the same on every machine and in every run. Exits 0 if every byte is right, the bytes across nodes are
 * the fewest possible, and no round takes more than LIMIT times the bound. */
#include "core/model/placement.h"
#include "core/model/synthetic.h"
#include "tools/common/weights.h"
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPERTS = 256 };
#define LIMIT 1.3

typedef struct job {
  int rank, num_ranks, num_nodes, slots, rounds;
  int64_t bytes;
  double rate, local_rate; /* of a node's link and of a device's, bytes per second each way */
  eplb_topology_t *topology;
  eplb_loads_t *loads;
  eplb_session_t *session;
  weights_t weights;
} job_t;

static void need(eplb_status_t status) {
  if (status == EPLB_SUCCESS)
    return;
  fprintf(stderr, "%s\n", eplb_last_error());
  MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

static void *get(int count, size_t size) {
  void *memory = calloc((size_t)count, size);
  if (!memory)
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  return memory;
}

static void start(job_t *j, char **argument) {
  MPI_Comm_rank(MPI_COMM_WORLD, &j->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &j->num_ranks);
  j->num_nodes = atoi(argument[1]);
  j->slots = atoi(argument[2]);
  j->bytes = atoll(argument[3]);
  j->rate = atof(argument[4]);
  j->local_rate = atof(argument[5]);
  j->rounds = atoi(argument[6]);
  eplb_generate_options_t g;
  eplb_generate_options_init(&g);
  g.num_windows = j->rounds, g.num_layers = 1, g.num_experts = EXPERTS, g.drift = 1;
  need(eplb_loads_generate(&g, &j->loads));
  need(eplb_topology_declare(j->num_nodes, j->num_ranks, j->slots, &j->topology));
  eplb_session_options_t o;
  eplb_session_options_init(&o);
  o.num_layers = 1, o.num_experts = EXPERTS, o.topology = j->topology;
  eplb_plan_options_t plan;
  eplb_plan_options_init(&plan);
  plan.planner = EPLB_PLANNER_DEEPSEEK, plan.policy = EPLB_POLICY_GLOBAL;
  o.plan = &plan;
  o.chunk_bytes = (size_t)j->bytes / 8;
  need(eplb_session_create(MPI_COMM_WORLD, &o, &j->session));
  need(weights_create(1, j->slots, 0, (size_t)j->bytes, NULL, &j->weights));
  need(weights_register(&j->weights, j->session));
  weights_fill(&j->weights, eplb_session_placement(j->session), j->topology, j->rank);
}

static void finish(job_t *j) {
  eplb_session_destroy(&j->session);
  weights_free(&j->weights);
  eplb_topology_destroy(&j->topology);
  eplb_loads_destroy(&j->loads);
}

static int is_held(const job_t *j, const eplb_placement_t *p, int expert, int node) {
  for (int k = 0; k < p->logical_replica_count[expert]; k++)
    if (eplb_topology_node(j->topology, eplb_topology_device_of_slot(
                                            j->topology, p->replica_slot[p->replica_begin[expert] + k])) == node)
      return 1;
  return 0;
}

/* What must cross between nodes: a copy for each expert and node that gets it and lacks it. */
static int64_t count_needed(const job_t *j, const eplb_placement_t *before, const eplb_placement_t *after) {
  int64_t needed = 0;
  for (int e = 0; e < EXPERTS; e++)
    for (int n = 0; n < j->num_nodes; n++)
      needed += is_held(j, after, e, n) && !is_held(j, before, e, n);
  return needed * j->bytes;
}

static double most(const int64_t *bytes, int count) {
  int64_t result = 0;
  for (int i = 0; i < count; i++)
    result = bytes[i] > result ? bytes[i] : result;
  return (double)result;
}

/* The time that the busiest link takes for its bytes alone: a node's, or a device's own. */
static double find_bound(const job_t *j, const eplb_placement_t *before, const eplb_placement_t *after) {
  eplb_deriver_t *deriver;
  eplb_transfers_t list = {0};
  need(eplb_deriver_create(j->topology, EXPERTS, &deriver));
  need(eplb_derive_layer(deriver, eplb_placement_row(before, 0), eplb_placement_row(after, 0), 0, j->bytes, &list));
  int64_t *node = get(2 * j->num_nodes, sizeof *node), *device = get(2 * j->num_ranks, sizeof *device);
  for (int64_t i = 0; i < list.count; i++) {
    const eplb_transfer_t *t = &list.transfer[i];
    if (t->link == EPLB_LINK_DEVICE)
      continue;
    device[t->from_device] += j->bytes;
    device[j->num_ranks + t->to_device] += j->bytes;
    if (t->link != EPLB_LINK_NETWORK)
      continue;
    node[eplb_topology_node(j->topology, t->from_device)] += j->bytes;
    node[j->num_nodes + eplb_topology_node(j->topology, t->to_device)] += j->bytes;
  }
  double between = most(node, 2 * j->num_nodes) / j->rate, within = most(device, 2 * j->num_ranks) / j->local_rate;
  free(node);
  free(device);
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  return between > within ? between : within;
}

static void record(const job_t *j, int round) {
  int64_t count[EXPERTS];
  for (int e = 0; e < EXPERTS; e++)
    count[e] = j->rank ? 0 : (int64_t)eplb_loads_window(j->loads, round)[e];
  need(eplb_session_record(j->session, 0, count));
}

/* Whether the round was good; rank 0 prints what it saw. */
static int play(job_t *j, int round) {
  eplb_placement_t *before;
  eplb_report_t report = {.size = sizeof report};
  int layer, slot;
  const eplb_placement_t *after = eplb_session_placement(j->session);
  need(eplb_placement_copy(after, &before));
  record(j, round);
  need(eplb_rebalance(j->session, &report));
  int64_t wrong = weights_count_wrong(&j->weights, after, j->topology, j->rank, &layer, &slot), all_wrong;
  double seconds;
  MPI_Allreduce(&wrong, &all_wrong, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&report.seconds_migrate, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  int good = 1;
  if (j->rank == 0) {
    double bound = find_bound(j, before, after);
    int64_t needed = count_needed(j, before, after);
    printf("# %d ranks, %d nodes: %d slots change, %.3f ms, %.2f of the busiest link's\n", j->num_ranks, j->num_nodes,
           (int)report.slots_changed, seconds * 1e3, seconds / bound);
    good = all_wrong == 0 && report.bytes[EPLB_LINK_NETWORK] == needed && seconds <= LIMIT * bound;
    if (!good)
      printf("# %lld bytes wrong, %lld across nodes; expected none, %lld, and a time of at most %.2f\n",
             (long long)all_wrong, (long long)report.bytes[EPLB_LINK_NETWORK], (long long)needed, LIMIT);
  }
  eplb_placement_destroy(&before);
  return good;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  if (argc != 7)
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  job_t job = {0};
  int good = 1;
  start(&job, argv);
  for (int round = 0; round < job.rounds; round++)
    good &= play(&job, round);
  finish(&job);
  MPI_Finalize();
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
