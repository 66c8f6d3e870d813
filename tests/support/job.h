/* A small job with checked weights, for the MPI tests of the session. */
#ifndef TESTS_JOB_H
#define TESTS_JOB_H

#include "tools/common/weights.h"
#include <eplb/eplb_mpi.h>

enum { JOB_LAYERS = 5, JOB_EXPERTS = 24, JOB_EXPERT_BYTES = 3001 };

typedef struct job {
  int rank, num_ranks;
  eplb_session_t *session;
  weights_t weights;
} job_t;

/* Devices assigned to `nodes` round robin, so that no node's ranks are neighbours; the caller's. */
eplb_topology_t *job_deal_topology(int nodes, int slots_per_rank);

/* Options for the sizes above: a quarter of the experts as spare slots, messages of several chunks that end within
 * tensors. Their plan is job_plan, which this sets anew. */
eplb_session_options_t job_options(void);
extern eplb_plan_options_t job_plan;

/* A session with registered and filled weights. Collective; checks each step. */
void job_start(job_t *job, const eplb_session_options_t *options);
void job_finish(job_t *job);

/* Allocates, fills and registers the weights of a session that is there already. */
void job_furnish(job_t *job);

/* Counts that differ from round to round and rank to rank; of every second layer only where `sparse`. */
void job_record(const job_t *job, int round, int sparse);

/* Whether the placement is valid and every byte of this rank's slots is what it says. */
int job_is_whole(const job_t *job);

/* A number that follows from the session's maps. */
long long job_hash_of_maps(const job_t *job);

#endif
