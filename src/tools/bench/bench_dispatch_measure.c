/* Measures dispatch: times each act of a batch, layer by layer, and checks the results against the sum of all ranks'
 * counts. */
#include "mpi/comm/agree.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_dispatch.h"
#include <string.h>

/* ---- one layer ---- */

typedef eplb_status_t act_fn(dispatch_job_t *j, int layer);

static size_t values_before(const dispatch_job_t *j, int layer) {
  return (size_t)layer * (size_t)j->loads->num_experts;
}

static size_t slots_before(const dispatch_side_t *side, int layer) {
  return (size_t)layer * (size_t)side->placement->num_slots;
}

static eplb_status_t allreduce(dispatch_job_t *j, int layer) {
  size_t first = values_before(j, layer);
  MPI_Allreduce(j->ranks.count + first, j->sum + first, j->loads->num_experts, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  return EPLB_SUCCESS;
}

static eplb_status_t begin_batch(dispatch_job_t *j, int layer) {
  return eplb_batch_begin(j->batch, layer, j->ranks.count + values_before(j, layer));
}

static eplb_status_t end_batch(dispatch_job_t *j, int layer) {
  size_t first = slots_before(&j->ranks, layer);
  return eplb_batch_end(j->batch, j->ranks.share + first, j->ranks.quota + first);
}

static eplb_status_t run_batch(dispatch_job_t *j, int layer) {
  eplb_status_t status = begin_batch(j, layer);
  return status ? status : end_batch(j, layer);
}

/* Work is counted in a core's time: where ranks share cores it takes longer, as a job's would. */
static void work(double seconds) {
  double until = bench_core_seconds() + seconds;
  while (bench_core_seconds() < until)
    ;
}

static eplb_status_t after(dispatch_job_t *j, int layer) {
  work(j->options->compute);
  return run_batch(j, layer);
}

/* Messages move on only when MPI is called: now and then, as a job would. */
static eplb_status_t behind(dispatch_job_t *j, int layer) {
  enum { LOOKS = 4 };
  int arrived = 0;
  eplb_status_t status = begin_batch(j, layer);
  for (int i = 0; i < LOOKS && !status; i++) {
    work(j->options->compute / LOOKS);
    if (!arrived)
      status = eplb_batch_test(j->batch, &arrived);
  }
  return status ? status : end_batch(j, layer);
}

static eplb_status_t shares(dispatch_job_t *j, int layer) {
  return eplb_dispatch_shares(j->gpus.dispatch, layer, j->gpus.count + values_before(j, layer),
                              j->gpus.share + slots_before(&j->gpus, layer));
}

/* The first GPU's, for as many tokens as this rank's batch has. */
static eplb_status_t quotas(dispatch_job_t *j, int layer) {
  size_t first = slots_before(&j->gpus, layer);
  return eplb_dispatch_quotas(j->gpus.dispatch, layer,
                              &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                          .device = 0,
                                                          .split = EPLB_SPLIT_SHARES,
                                                          .share = j->gpus.share + first,
                                                          .count = j->ranks.count + values_before(j, layer)},
                              j->gpus.quota + first);
}

/* ---- all layers ---- */

static const struct {
  act_fn *act;
  double (*clock)(void); /* of the wall where ranks wait for each other, else of the core */
} acts[DISPATCH_ACTS] = {
    [DISPATCH_ALLREDUCE] = {allreduce, bench_seconds}, [DISPATCH_BATCH] = {run_batch, bench_seconds},
    [DISPATCH_AFTER] = {after, bench_seconds},         [DISPATCH_BEHIND] = {behind, bench_seconds},
    [DISPATCH_SHARES] = {shares, bench_core_seconds},  [DISPATCH_QUOTAS] = {quotas, bench_core_seconds}};

/* Checks that the shares are those of the sum of all counts, and that each of this rank's tokens has a replica. */
static eplb_status_t check_results(const dispatch_job_t *j, int layer) {
  int experts = j->loads->num_experts;
  const int32_t *replica = j->ranks.placement->replica_begin + (size_t)layer * (size_t)(experts + 1);
  const float *share = j->ranks.share + slots_before(&j->ranks, layer);
  const int32_t *quota = j->ranks.quota + slots_before(&j->ranks, layer);
  eplb_status_t status = eplb_dispatch_shares(j->ranks.dispatch, layer, j->sum + values_before(j, layer), j->expected);
  if (!status && memcmp(share, j->expected, (size_t)replica[experts] * sizeof *share))
    status = eplb_fail(EPLB_ERR_INTERNAL, "layer %d: the shares of a batch differ from those of the sum of its counts",
                       layer);
  for (int e = 0; e < experts && !status; e++) {
    int64_t left = j->ranks.count[values_before(j, layer) + (size_t)e];
    for (int32_t k = replica[e]; k < replica[e + 1]; k++)
      left -= quota[k];
    if (left)
      status = eplb_fail(EPLB_ERR_INTERNAL, "layer %d, expert %d: the sum of quotas differs from its count by %lld",
                         layer, e, (long long)left);
  }
  return status;
}

eplb_status_t dispatch_measure(dispatch_job_t *j, double *seconds) {
  double own[DISPATCH_ACTS] = {0};
  eplb_status_t status = EPLB_SUCCESS;
  for (int a = 0; a < DISPATCH_ACTS && !status; a++) {
    status = eplb_agree_world(status); /* and all start together */
    double since = acts[a].clock();
    for (int l = 0; l < j->loads->num_layers && !status; l++)
      status = acts[a].act(j, l);
    own[a] = (acts[a].clock() - since) / j->loads->num_layers;
  }
  for (int l = 0; l < j->loads->num_layers && !status; l++)
    status = check_results(j, l);
  MPI_Allreduce(own, seconds, DISPATCH_ACTS, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return eplb_agree_world(status);
}
