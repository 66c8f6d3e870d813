/* The parts of `eplb bench migrate`: options, results of a round, counting and printing. */
#ifndef EPLB_TOOLS_BENCH_BENCH_MIGRATE_H
#define EPLB_TOOLS_BENCH_BENCH_MIGRATE_H

#include "tools/bench/bench_peer.h"
#include "tools/common/job.h"
#include "tools/common/weights.h"
#include <eplb/eplb_mpi.h>

typedef struct migrate_options {
  job_options_t job;
  moving_options_t moving;
  eplb_plan_options_t plan;
  int fixed, private;
  double link_rate; /* bytes per second between two nodes, as declared; 0: it is measured */
} migrate_options_t;

/* Parses the command line; exits as argp does. */
void migrate_parse(int argc, char **argv, migrate_options_t *options);

/* What one round brought: seconds of the slowest rank, and counts of all. */
typedef struct migrate_round {
  double ours, memcpy_, peer, bound;
  int64_t moved, across, least, peer_across; /* bytes */
  int64_t busiest_in, busiest_out;           /* of a node, across nodes */
  double sender, peer_sender;                /* busiest sender of the mean */
  int64_t wrong, staging, messages;
} migrate_round_t;

typedef struct migrate_job {
  const migrate_options_t *options;
  int rank, num_ranks;
  eplb_loads_t *loads;
  eplb_topology_t *topology;
  eplb_session_t *session;
  weights_t weights;
  peer_t peer;
  double rate; /* bytes per second between two nodes; 0: there is one node, or only declared ones */
  int beaten;  /* rounds that took less time than their bound */
} migrate_job_t;

/* Counts into *round what both ways of moving send from `before` to `after`. Local. EPLB_ERR_MEMORY. */
eplb_status_t migrate_count(const migrate_job_t *job, const eplb_placement_t *before, const eplb_placement_t *after,
                            migrate_round_t *round);

/* Rank 0 only. */
void migrate_print_head(const migrate_job_t *job);
void migrate_print_round(const migrate_job_t *job, int number, const migrate_round_t *round);
/* What is wrong with the bound, if anything; after the last round. */
void migrate_print_end(const migrate_job_t *job);

#endif
