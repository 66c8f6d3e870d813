/* The parts of `eplb bench dispatch`: options, measurements, printing. */
#ifndef EPLB_TOOLS_BENCH_BENCH_DISPATCH_H
#define EPLB_TOOLS_BENCH_BENCH_DISPATCH_H

#include "tools/common/job.h"

typedef struct dispatch_options {
  job_options_t job;
  int gpus;       /* that shares alone are made for; 0: one for each rank */
  int tokens;     /* of each GPU's batch, on the average */
  double compute; /* seconds of a core, for each layer */
} dispatch_options_t;

/* What is done for each layer and batch, in this order. */
typedef enum dispatch_act {
  DISPATCH_ALLREDUCE, /* of the counts, by MPI alone */
  DISPATCH_BATCH,     /* begin, end */
  DISPATCH_AFTER,     /* computation, then a batch */
  DISPATCH_BEHIND,    /* begin, the same computation, end */
  DISPATCH_SHARES,
  DISPATCH_QUOTAS,
  DISPATCH_ACTS
} dispatch_act_t;

/* Devices that serve all layers, and a batch of theirs. */
typedef struct dispatch_side {
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  eplb_dispatch_t *dispatch;
  int64_t *count; /* [num_layers][num_experts] */
  float *share;   /* [num_layers][num_slots] */
  int32_t *quota; /* [num_layers][num_slots] */
} dispatch_side_t;

typedef struct dispatch_job {
  const dispatch_options_t *options;
  int rank, num_ranks;
  eplb_loads_t *loads;
  dispatch_side_t ranks; /* each rank a device, its own counts */
  dispatch_side_t gpus;  /* the counts of all, the same on every rank */
  eplb_batch_t *batch;   /* of the ranks */
  int64_t *sum;          /* [num_layers][num_experts]: their counts, as MPI adds them up */
  float *expected;       /* [num_slots] of a layer, to compare with */
} dispatch_job_t;

/* Does all acts with the counts that are there, and checks that shares and quotas of a batch are what they should be.
 * seconds[DISPATCH_ACTS]: per layer, of the slowest rank. Collective. */
eplb_status_t dispatch_measure(dispatch_job_t *job, double *seconds);

/* Rank 0 only. seconds[DISPATCH_ACTS][rounds], which it sorts. */
void dispatch_print(const dispatch_job_t *job, double *seconds);

#endif
