#include "core/dispatch/dispatch.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/communicator.h"
#include "mpi/comm/compare.h"
#include <eplb/batch.h>
#include <string.h>
#include <xxhash.h>

/* What rides on the counts, behind them; all of it is added up. */
enum { FAILED, LAYER, LAYER_SQUARED, NUM_EXTRAS };

struct eplb_batch {
  MPI_Comm comm;
  int rank, num_ranks;
  eplb_dispatch_t *dispatch;
  int open, layer;      /* layer: of the batch that is open */
  eplb_status_t status; /* of this rank's begin */
  MPI_Request request;
  int64_t *own, *sum; /* [num_experts + NUM_EXTRAS] */
};

static int num_experts(const eplb_batch_t *b) {
  return b->dispatch->placement->num_experts;
}

/* ---- life ---- */

static eplb_status_t check_devices(const eplb_batch_t *b) {
  if (b->dispatch && b->dispatch->topology->num_devices != b->num_ranks)
    return eplb_fail(EPLB_ERR_SHAPE, "%d ranks for a topology of %d devices; expected the same", b->num_ranks,
                     b->dispatch->topology->num_devices);
  return b->dispatch ? EPLB_SUCCESS : eplb_fail(EPLB_ERR_ARGUMENT, "dispatch is NULL");
}

static int64_t hash_maps(const eplb_placement_t *p) {
  size_t slots = (size_t)p->num_layers * (size_t)p->num_slots;
  return (int64_t)(XXH3_64bits(p->physical_to_logical, slots * sizeof *p->physical_to_logical) >> 1);
}

static eplb_status_t agree_on_sizes(MPI_Comm comm, eplb_status_t mine, const eplb_dispatch_t *d) {
  eplb_compared_t all[] = {{"numbers of layers", 0, 0}, {"numbers of experts", 0, 0}, {"placements", 0, 1}};
  if (!mine) {
    all[0].value = d->placement->num_layers;
    all[1].value = d->placement->num_experts;
    all[2].value = hash_maps(d->placement);
  }
  return eplb_agree_on(comm, mine, all, sizeof all / sizeof *all);
}

static void release(eplb_batch_t *b) {
  free(b->own);
  free(b->sum);
  free(b);
}

eplb_status_t eplb_batch_create(MPI_Comm comm, eplb_dispatch_t *dispatch, eplb_batch_t **batch) {
  eplb_status_t status = eplb_communicator_check(comm);
  if (status)
    return status;
  eplb_batch_t *b = EPLB_NEW(eplb_batch_t, 1), none = {.dispatch = dispatch};
  eplb_batch_t *checked = b ? b : &none;
  checked->dispatch = dispatch;
  checked->request = MPI_REQUEST_NULL;
  MPI_Comm_rank(comm, &checked->rank);
  MPI_Comm_size(comm, &checked->num_ranks);
  status = b ? check_devices(b) : EPLB_ERR_MEMORY;
  if (!status) {
    b->own = EPLB_NEW(int64_t, num_experts(b) + NUM_EXTRAS);
    b->sum = EPLB_NEW(int64_t, num_experts(b) + NUM_EXTRAS);
    status = b->own && b->sum ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  }
  status = agree_on_sizes(comm, status, dispatch);
  if (status) {
    if (b)
      release(b);
    return status;
  }
  MPI_Comm_dup(comm, &b->comm);
  *batch = b;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_batch_destroy(eplb_batch_t **batch) {
  if (!batch || !*batch)
    return EPLB_SUCCESS;
  if ((*batch)->open)
    return eplb_fail(EPLB_ERR_STATE, "a batch is open; expected eplb_batch_end first");
  MPI_Comm_free(&(*batch)->comm);
  release(*batch);
  *batch = NULL;
  return EPLB_SUCCESS;
}

/* ---- a batch ---- */

static eplb_status_t check_counts(const eplb_batch_t *b, int layer, const int64_t *count) {
  eplb_status_t status = EPLB_SUCCESS;
  if (layer < 0 || layer >= b->dispatch->placement->num_layers)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "layer %d of %d; expected one of the dispatch's", layer,
                       b->dispatch->placement->num_layers);
  else if (!count)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "count is NULL");
  for (int e = 0; e < num_experts(b) && !status; e++)
    if (count[e] < 0 || count[e] > INT32_MAX)
      status = eplb_fail(EPLB_ERR_LOADS, "layer %d, expert %d has %lld tokens; expected 0 to 2^31 - 1", layer, e,
                         (long long)count[e]);
  return status;
}

eplb_status_t eplb_batch_begin(eplb_batch_t *b, int layer, const int64_t *count) {
  if (!b || b->open)
    return eplb_fail(b ? EPLB_ERR_STATE : EPLB_ERR_ARGUMENT,
                     b ? "a batch is open; expected eplb_batch_end first" : "batch is NULL");
  size_t experts = (size_t)num_experts(b);
  memset(b->own, 0, (experts + NUM_EXTRAS) * sizeof *b->own);
  b->status = check_counts(b, layer, count);
  if (b->status) {
    b->own[experts + FAILED] = 1;
  } else {
    memcpy(b->own, count, experts * sizeof *count);
    b->own[experts + LAYER] = layer;
    b->own[experts + LAYER_SQUARED] = (int64_t)layer * layer;
  }
  b->layer = layer;
  b->open = 1;
  MPI_Iallreduce(b->own, b->sum, (int)experts + NUM_EXTRAS, MPI_INT64_T, MPI_SUM, b->comm, &b->request);
  return EPLB_SUCCESS;
}

static eplb_status_t check_open(const eplb_batch_t *b) {
  if (b && b->open)
    return EPLB_SUCCESS;
  return eplb_fail(b ? EPLB_ERR_STATE : EPLB_ERR_ARGUMENT,
                   b ? "no batch is open; expected eplb_batch_begin first" : "batch is NULL");
}

eplb_status_t eplb_batch_test(eplb_batch_t *b, int *arrived) {
  eplb_status_t status = check_open(b);
  if (!status)
    MPI_Test(&b->request, arrived, MPI_STATUS_IGNORE);
  return status;
}

/* The sums tell every rank alike what has become of the others. Numbers are all the same if and only if the sum of
 * their squares is the square of their sum, divided by how many they are. */
static eplb_status_t agree(const eplb_batch_t *b) {
  const int64_t *extra = b->sum + num_experts(b);
  if (extra[FAILED] > 0)
    return eplb_agree(b->comm, b->status);
  if (extra[LAYER_SQUARED] * b->num_ranks != extra[LAYER] * extra[LAYER])
    return eplb_fail(EPLB_ERR_MISMATCH, "ranks began batches of different layers; expected the same on every rank");
  return EPLB_SUCCESS;
}

eplb_status_t eplb_batch_end(eplb_batch_t *b, float *share, int32_t *quota) {
  eplb_status_t status = check_open(b);
  if (status)
    return status;
  MPI_Wait(&b->request, MPI_STATUS_IGNORE);
  b->open = 0;
  status = agree(b);
  if (!status)
    status = eplb_dispatch_shares(b->dispatch, b->layer, b->sum, share);
  if (!status && quota)
    status = eplb_dispatch_quotas(b->dispatch, b->layer, b->rank, EPLB_SPLIT_SHARES, share, b->own, quota);
  return status;
}
