/* Shares for each batch of a job, by one small nonblocking allreduce between the router and dispatch.
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

/* Prepares batches of the ranks of `comm`; rank r is device r of the dispatch, which must outlive *batch. Collective
 * over comm, which is duplicated. The caller owns *batch. On failure every rank returns the same code and sentence:
 * EPLB_ERR_ARGUMENT; EPLB_ERR_SHAPE: the topology does not have as many devices as comm has ranks; EPLB_ERR_MISMATCH:
 * ranks have different placements; EPLB_ERR_MEMORY. Use the dispatch of eplb_session_dispatch, which every commit
 * updates; for one of eplb_dispatch_create, eplb_dispatch_update must be called after each commit. */
EPLB_PUBLIC eplb_status_t eplb_batch_create(MPI_Comm comm, eplb_dispatch_t *dispatch, eplb_batch_t **batch);

/* Frees *batch and sets it to NULL; it may be NULL. Collective over the batch's ranks. EPLB_ERR_STATE: a batch is open;
 * *batch is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_batch_destroy(eplb_batch_t **batch);

/* Starts to sum the ranks' counts of a layer. count[num_experts], which is copied: this rank's tokens of the batch, 0
 * to 2^31 - 1. Collective over the batch's ranks, but does not wait for them. A rank with wrong arguments takes part
 * all the same, and eplb_batch_end returns the error on every rank. EPLB_ERR_STATE: a batch is already open; nothing
 * was started. */
EPLB_PUBLIC eplb_status_t eplb_batch_begin(eplb_batch_t *batch, int layer, const int64_t *count);

/* Progresses the message without waiting. Local. Sets *arrived to 1 if eplb_batch_end will not wait, else 0.
 * EPLB_ERR_STATE: no batch is open; EPLB_ERR_ARGUMENT. */
EPLB_PUBLIC eplb_status_t eplb_batch_test(eplb_batch_t *batch, int *arrived);

/* Waits for the sums and computes from them share[num_slots], the same on every rank, as eplb_dispatch_shares, and this
 * rank's quota[num_slots], as eplb_dispatch_quotas; quota may be NULL. Collective over the batch's ranks; ends the
 * batch, also after a failure. Every rank returns the same code and sentence: EPLB_ERR_ARGUMENT, EPLB_ERR_LOADS: wrong
 * arguments of a rank; EPLB_ERR_MISMATCH: ranks began different layers. Two errors are of one rank alone, while the
 * others end their batch: EPLB_ERR_STATE: no batch is open; EPLB_ERR_ARGUMENT: share is NULL; the batch stays open.
 * EPLB_ERR_MPI: MPI failed on this rank; the other ranks learn of it from the end of the next batch, and from then on
 * every batch fails at once. */
EPLB_PUBLIC eplb_status_t eplb_batch_end(eplb_batch_t *batch, float *share, int32_t *quota);

#ifdef __cplusplus
}
#endif
#endif
