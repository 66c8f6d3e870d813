/* Shares for each batch of a job: one small message between the router and dispatch, which travels while the router's
 * epilogue runs.
 *
 *   create once -> each layer of each step: begin with this rank's counts -> ... -> end: shares and this rank's quotas
 */
#ifndef EPLB_BATCH_H
#define EPLB_BATCH_H

#include <eplb/dispatch.h>
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eplb_batch eplb_batch_t;

/* Prepares for batches of the ranks of `comm`, rank r being device r of the dispatch, which must outlive *batch.
 * Collective over comm, of which it keeps a duplicate. The caller owns *batch. On failure every rank returns the same
 * code and sentence: EPLB_ERR_ARGUMENT; EPLB_ERR_SHAPE: the topology has other devices than comm has ranks;
 * EPLB_ERR_MISMATCH: ranks have different placements; EPLB_ERR_MEMORY. Take the dispatch from
 * eplb_session_dispatch, which follows every commit; one of eplb_dispatch_create must be told of each by
 * eplb_dispatch_update. */
EPLB_PUBLIC eplb_status_t eplb_batch_create(MPI_Comm comm, eplb_dispatch_t *dispatch, eplb_batch_t **batch);

/* Collective; sets *batch NULL, NULL is fine. EPLB_ERR_STATE, with *batch left as it is: a batch is open. */
EPLB_PUBLIC eplb_status_t eplb_batch_destroy(eplb_batch_t **batch);

/* Starts to add up the ranks' counts of a layer: count[num_experts], this rank's tokens of the batch, 0 to 2^31 - 1;
 * copied. Collective over the batch's ranks, but does not wait for them. Whatever a rank gives that is wrong, it takes
 * part, and eplb_batch_end says so on every rank. EPLB_ERR_STATE: a batch is open already; nothing was started then. */
EPLB_PUBLIC eplb_status_t eplb_batch_begin(eplb_batch_t *batch, int layer, const int64_t *count);

/* Moves the message on, without waiting. Local. *arrived: 1 if eplb_batch_end need not wait. EPLB_ERR_STATE: no batch
 * is open; EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_batch_test(eplb_batch_t *batch, int *arrived);

/* Waits for the sums and makes of them share[num_slots], the same on every rank, as eplb_dispatch_shares does, and
 * quota[num_slots], this rank's, as eplb_dispatch_quotas does; quota may be NULL. Collective; ends the batch also when
 * it fails. Every rank returns the same code and sentence: EPLB_ERR_ARGUMENT, EPLB_ERR_LOADS: what a rank gave;
 * EPLB_ERR_MISMATCH: ranks began different layers. EPLB_ERR_STATE: no batch is open; EPLB_ERR_ARGUMENT: share is
 * NULL: on this rank alone, whose batch then stays open, while the others end theirs. EPLB_ERR_MPI: MPI failed on this
 * rank; the other ranks learn of it from the end of the next batch, and from then on every batch fails at once. */
EPLB_PUBLIC eplb_status_t eplb_batch_end(eplb_batch_t *batch, float *share, int32_t *quota);

#ifdef __cplusplus
}
#endif
#endif
