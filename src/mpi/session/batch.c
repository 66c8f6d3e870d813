/* Adds up the counts of one batch over all ranks without blocking, and computes shares and quotas from the sums. Status
 * and arguments of all ranks travel in the same message. */
#include "core/dispatch/dispatch.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/migrate/failure.h"
#include <eplb/batch.h>
#include <string.h>

/* Extra values behind the counts in the same message; all are summed. */
enum { FAILED, LAYER, LAYER_SQUARED, NUM_EXTRAS };

struct eplb_batch {
  eplb_comm_t comm; /* its own */
  int rank, num_ranks;
  eplb_dispatch_t *dispatch;
  int open, layer;      /* layer: of the batch that is open */
  eplb_failure_t begun; /* how this rank's begin failed, if it did */
  MPI_Request request;
  int has_failed;     /* the request of the batch that is open */
  int is_lost;        /* some request has: MPI may still write to `sum`, which is never freed then */
  int64_t *own, *sum; /* [num_experts + NUM_EXTRAS] */
  int64_t *
      spare; /* [2 * (num_experts + NUM_EXTRAS)]: for the batch after a lost one, which reports the loss to all ranks */
};

static int num_experts(const eplb_batch_t *b) {
  return b->dispatch->placement->num_experts;
}

/* ---- life ---- */

static eplb_status_t check_rank_count(const eplb_batch_t *b) {
  if (b->dispatch && b->dispatch->topology->num_devices != b->num_ranks)
    return eplb_fail(EPLB_ERR_SHAPE, "%s for a topology of %s; expected the same", eplb_count(b->num_ranks, "rank"),
                     eplb_count(b->dispatch->topology->num_devices, "device"));
  return b->dispatch ? EPLB_SUCCESS : eplb_fail(EPLB_ERR_ARGUMENT, "dispatch is NULL");
}

static eplb_status_t agree_on_sizes(eplb_comm_t *comm, eplb_status_t mine, const eplb_dispatch_t *d) {
  eplb_compared_t all[] = {{"numbers of layers", 0, 0}, {"numbers of experts", 0, 0}, {"placements", 0, 1}};
  if (!mine) {
    all[0].value = d->placement->num_layers;
    all[1].value = d->placement->num_experts;
    all[2].value = (int64_t)(eplb_hash_placement(d->placement) >> 2);
  }
  return eplb_agree_on(comm, mine, all, sizeof all / sizeof *all);
}

static void release_batch(eplb_batch_t *b) {
  if (!b->is_lost) {
    free(b->own);
    free(b->sum);
    free(b->spare);
  }
  free(b);
}

static eplb_status_t allocate_batch(eplb_batch_t *b, const eplb_comm_t *given, eplb_dispatch_t *dispatch) {
  b->dispatch = dispatch;
  b->request = MPI_REQUEST_NULL;
  b->rank = given->rank;
  b->num_ranks = given->size;
  eplb_status_t status = check_rank_count(b);
  if (status)
    return status;
  b->own = EPLB_NEW(int64_t, num_experts(b) + NUM_EXTRAS);
  b->sum = EPLB_NEW(int64_t, num_experts(b) + NUM_EXTRAS);
  b->spare = EPLB_NEW(int64_t, 2 * (num_experts(b) + NUM_EXTRAS));
  return b->own && b->sum && b->spare ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

eplb_status_t eplb_batch_create(MPI_Comm comm, eplb_dispatch_t *dispatch, eplb_batch_t **batch) {
  eplb_comm_t given;
  eplb_status_t status = eplb_comm_take(&given, comm);
  if (status)
    return status;
  eplb_batch_t *b = EPLB_NEW(eplb_batch_t, 1);
  MPI_Comm own = MPI_COMM_NULL;
  int has_own = eplb_comm_ok(&given, MPI_Comm_dup(comm, &own), "duplicating the communicator");
  status = b ? allocate_batch(b, &given, dispatch) : EPLB_ERR_MEMORY;
  if (!status && !batch)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "batch is NULL");
  status = agree_on_sizes(&given, status, dispatch);
  if (status) {
    if (has_own)
      eplb_comm_ok(&given, MPI_Comm_free(&own), "freeing a communicator");
    if (b)
      release_batch(b);
    return status;
  }
  given.mpi = own; /* and what has failed with it */
  b->comm = given;
  *batch = b;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_batch_destroy(eplb_batch_t **batch) {
  if (!batch || !*batch)
    return EPLB_SUCCESS;
  eplb_batch_t *b = *batch;
  if (eplb_mpi_is_over())
    return eplb_fail(EPLB_ERR_STATE, "MPI is finalized already; expected eplb_batch_destroy before MPI_Finalize");
  if (b->open)
    return eplb_fail(EPLB_ERR_STATE, "a batch is open; expected eplb_batch_end first");
  eplb_comm_free(&b->comm);
  eplb_status_t status = eplb_comm_is_broken(&b->comm) ? EPLB_SUCCESS : eplb_comm_status(&b->comm);
  release_batch(b);
  *batch = NULL;
  return status;
}

/* ---- a batch ---- */

/* Whether the call of MPI succeeded. A request that has failed is not asked again. */
static int keep_failure(eplb_batch_t *b, int code, const char *doing) {
  int good = eplb_comm_ok(&b->comm, code, doing);
  b->has_failed |= !good;
  b->is_lost |= !good;
  return good;
}

static eplb_status_t check_counts(const eplb_batch_t *b, int layer, const int64_t *count) {
  eplb_status_t status = EPLB_SUCCESS;
  if (layer < 0 || layer >= b->dispatch->placement->num_layers)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "layer %d of %d; expected one of the dispatch's", layer,
                       b->dispatch->placement->num_layers);
  else if (!count)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "count is NULL");
  for (int e = 0; e < num_experts(b) && !status; e++)
    if (count[e] < 0 || count[e] > INT32_MAX)
      status = eplb_fail(EPLB_ERR_LOADS, "layer %d, expert %d has %s; expected 0 to 2^31 - 1", layer, e,
                         eplb_count(count[e], "token"));
  return status;
}

eplb_status_t eplb_batch_begin(eplb_batch_t *b, int layer, const int64_t *count) {
  if (!b || b->open)
    return eplb_fail(b ? EPLB_ERR_STATE : EPLB_ERR_ARGUMENT,
                     b ? "a batch is open; expected eplb_batch_end first" : "batch is NULL");
  size_t experts = (size_t)num_experts(b);
  if (b->is_lost) { /* never freed: see is_lost */
    b->own = b->spare;
    b->sum = b->spare + experts + NUM_EXTRAS;
  }
  memset(b->own, 0, (experts + NUM_EXTRAS) * sizeof *b->own);
  if (eplb_comm_is_broken(&b->comm))
    return eplb_comm_status(&b->comm);
  b->begun.status = EPLB_SUCCESS;
  eplb_failure_keep(&b->begun, eplb_own_status(&b->comm, check_counts(b, layer, count)));
  if (b->begun.status) {
    b->own[experts + FAILED] = 1;
  } else {
    memcpy(b->own, count, experts * sizeof *count);
    b->own[experts + LAYER] = layer;
    b->own[experts + LAYER_SQUARED] = (int64_t)layer * layer;
  }
  b->layer = layer;
  b->open = 1;
  b->has_failed = 0;
  int code = MPI_Iallreduce(b->own, b->sum, (int)experts + NUM_EXTRAS, MPI_INT64_T, MPI_SUM, b->comm.mpi, &b->request);
  keep_failure(b, code, "starting to add up counts");
  return EPLB_SUCCESS;
}

static eplb_status_t check_open(const eplb_batch_t *b) {
  if (b && b->open)
    return EPLB_SUCCESS;
  return eplb_fail(b ? EPLB_ERR_STATE : EPLB_ERR_ARGUMENT,
                   b ? "no batch is open; expected eplb_batch_begin first" : "batch is NULL");
}

eplb_status_t eplb_batch_test(eplb_batch_t *b, int *arrived) {
  int done = 0;
  eplb_status_t status = check_open(b);
  if (!status && !arrived)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "arrived is NULL");
  if (!status)
    *arrived =
        !b->has_failed && keep_failure(b, MPI_Test(&b->request, &done, MPI_STATUS_IGNORE), "testing the sum of counts")
            ? done
            : 1;
  return status;
}

/* From the sums, every rank learns the same about all ranks. n numbers are equal if and only if the sum of their
 * squares is the square of their sum divided by n. */
static eplb_status_t agree(eplb_batch_t *b) {
  const int64_t *extra = b->sum + num_experts(b);
  if (extra[FAILED] > 0) {
    if (b->begun.status)
      eplb_fail(b->begun.status, "%s", b->begun.sentence);
    return eplb_agree(&b->comm, b->begun.status);
  }
  if (extra[LAYER_SQUARED] * b->num_ranks != extra[LAYER] * extra[LAYER])
    return eplb_fail(EPLB_ERR_MISMATCH, "ranks began batches of different layers; expected the same on every rank");
  return EPLB_SUCCESS;
}

eplb_status_t eplb_batch_end(eplb_batch_t *b, float *share, int32_t *quota) {
  eplb_status_t status = check_open(b);
  if (!status && !share)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "share is NULL");
  if (status)
    return status;
  int has_sum = !b->has_failed && keep_failure(b, MPI_Wait(&b->request, MPI_STATUS_IGNORE), "adding up counts");
  b->open = 0;
  status = has_sum ? agree(b) : eplb_comm_status(&b->comm); /* other ranks learn of it from the next batch */
  if (!status)
    status = eplb_dispatch_shares(b->dispatch, b->layer, b->sum, share);
  if (!status && quota)
    status = eplb_dispatch_quotas(b->dispatch, b->layer,
                                  &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                              .device = b->rank,
                                                              .split = EPLB_SPLIT_SHARES,
                                                              .share = share,
                                                              .count = b->own},
                                  quota);
  return status;
}
