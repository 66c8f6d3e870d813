/* eplb bench migrate, under mpirun: the session's migration beside a plain memcpy, what peers do, and the busiest
 * link's bound. */
#include "tools/bench/bench_migrate.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "tools/bench/bench.h"
#include "tools/common/commands.h"

/* Touches all memory before it is timed: the first touch is slow. */
enum { WARM_UPS = 2 };

/* ---- the contestants ---- */

static double slowest_rank(double seconds) {
  double all;
  MPI_Allreduce(&seconds, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

static eplb_status_t record(const migrate_job_t *j, int window) {
  const double *load = eplb_loads_window(j->loads, window);
  int experts = j->loads->num_experts;
  int64_t *count = EPLB_NEW(int64_t, experts);
  eplb_status_t status = count ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < j->loads->num_layers && !status; l++) {
    for (int e = 0; e < experts; e++)
      count[e] = j->rank ? 0 : (int64_t)load[(size_t)l * (size_t)experts + (size_t)e];
    status = eplb_session_record(j->session, l, count);
  }
  free(count);
  return eplb_agree_world(status);
}

static eplb_status_t run_ours(migrate_job_t *j, int window, migrate_round_t *r) {
  eplb_report_t report = {.size = sizeof report};
  eplb_status_t status = record(j, window);
  MPI_Barrier(MPI_COMM_WORLD);
  if (!status)
    status = eplb_rebalance(j->session, &report);
  if (status)
    return status;
  int layer, slot;
  int64_t own =
      weights_count_wrong(&j->weights, eplb_session_placement(j->session), j->topology, j->rank, &layer, &slot);
  int64_t staging = (int64_t)report.staging_peak, messages = 0;
  for (int link = 0; link < EPLB_NUM_LINKS; link++)
    messages += report.messages[link];
  MPI_Allreduce(&messages, &r->messages, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&own, &r->wrong, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&staging, &r->staging, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
  r->ours = slowest_rank(report.seconds_migrate);
  return r->wrong ? eplb_fail(EPLB_ERR_CORRUPT, "wrong weights: %s", eplb_count(r->wrong, "byte")) : EPLB_SUCCESS;
}

static eplb_status_t run_migrate_round(migrate_job_t *j, int window, migrate_round_t *r) {
  eplb_placement_t *before = NULL;
  *r = (migrate_round_t){.ours = 0};
  eplb_status_t status = eplb_agree_world(eplb_placement_copy(eplb_session_placement(j->session), &before));
  if (!status)
    status = run_ours(j, window, r);
  if (!status) {
    const eplb_placement_t *after = eplb_session_placement(j->session);
    r->peer = slowest_rank(peer_migrate(&j->peer, before, after, j->topology, j->rank));
    r->memcpy_ = slowest_rank(peer_memcpy(&j->peer, before, after, j->topology, j->rank));
    status = eplb_agree_world(migrate_count(j, before, after, r));
    int64_t busiest = r->busiest_in > r->busiest_out ? r->busiest_in : r->busiest_out;
    r->bound = j->rate > 0 ? (double)busiest / j->rate : r->memcpy_;
  }
  eplb_placement_destroy(&before);
  return status;
}

/* ---- a job ---- */

static eplb_status_t prepare_migration(migrate_job_t *j) {
  const migrate_options_t *b = j->options;
  eplb_status_t status = job_loads(&b->job, b->job.rounds + WARM_UPS, &j->loads);
  if (status)
    return status;
  int each = job_slots_per_rank(&b->job, j->loads->num_experts, j->num_ranks);
  status = job_topology(&b->job, each, &j->topology);
  if (status)
    return status;
  eplb_session_options_t o = b->moving.session;
  o.num_layers = j->loads->num_layers, o.num_experts = j->loads->num_experts, o.topology = j->topology;
  status = eplb_session_create(MPI_COMM_WORLD, &o, &j->session);
  if (status)
    return status;
  status = weights_create(o.num_layers, each, b->fixed ? 0 : each, (size_t)b->moving.expert_bytes,
                          b->private ? NULL : j->session, &j->weights);
  if (!status)
    status = weights_register(&j->weights, j->session);
  if (!status)
    status = peer_create(o.num_layers, each, (size_t)b->moving.expert_bytes, &j->peer);
  status = eplb_agree_world(status);
  if (!status) {
    weights_fill(&j->weights, eplb_session_placement(j->session), j->topology, j->rank);
    if (eplb_topology_num_nodes(j->topology) > 1 && b->link_rate > 0)
      j->rate = b->link_rate;
    else
      j->rate = b->job.nodes ? 0 : peer_measure_rate(j->topology, j->rank);
  }
  return status;
}

static void finish_migration(migrate_job_t *j) {
  if (j->session)
    eplb_session_destroy(&j->session);
  weights_free(&j->weights);
  peer_free(&j->peer);
  eplb_topology_destroy(&j->topology);
  eplb_loads_destroy(&j->loads);
}

static eplb_status_t run_migrate_rounds(migrate_job_t *j) {
  migrate_round_t round;
  eplb_status_t status = prepare_migration(j);
  if (j->rank == 0 && !status)
    migrate_print_head(j);
  for (int k = 0; k < WARM_UPS + j->options->job.rounds && !status; k++) {
    status = run_migrate_round(j, k % j->loads->num_windows, &round);
    if (status || k < WARM_UPS)
      continue;
    j->beaten += round.ours < round.bound;
    if (j->rank == 0)
      migrate_print_round(j, k + 1 - WARM_UPS, &round);
  }
  if (j->rank == 0 && !status)
    migrate_print_end(j);
  return status;
}

/* ---- the command ---- */

int bench_migrate(int argc, char **argv) {
  migrate_options_t options;
  migrate_parse(argc, argv, &options);
  int exit_status = tool_mpi_start(&argc, &argv);
  if (exit_status)
    return exit_status;
  migrate_job_t job = {.options = &options};
  MPI_Comm_rank(MPI_COMM_WORLD, &job.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &job.num_ranks);
  eplb_status_t status = run_migrate_rounds(&job);
  if (status && job.rank == 0)
    tool_report(status);
  finish_migration(&job);
  MPI_Finalize();
  return tool_exit_status(status);
}
