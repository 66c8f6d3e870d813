/* Gradients of replicated experts: summed over all replicas, so that the optimizer makes the same step on each and
 * their weights stay equal, bit for bit.
 *
 *   backward pass of layer l
 *   eplb_replicas_reduce_begin(session, l, gradient, num_gradients);   sends travel while layer l - 1 is computed
 *   backward pass of layer l - 1 ...
 *   eplb_replicas_reduce_end(session, l);                              every replica now has the sum
 *   optimizer's step of layer l
 *
 * Reductions of several layers may be open at the same time. Experts with one replica are not touched. */
#ifndef EPLB_REPLICAS_H
#define EPLB_REPLICAS_H

#include <eplb/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_element { EPLB_FLOAT, EPLB_DOUBLE, EPLB_BFLOAT16 /* added up in float */ } eplb_element_t;

/* One gradient tensor of a layer, in host memory. Fixed: an element of arrays. This rank's slot k is at slot[k] or, if
 * slot is NULL, at (char *)base + k stride. It owns nothing; slots without an expert are not touched. */
typedef struct eplb_gradient {
  eplb_element_t type;
  int64_t count; /* elements of a slot, >= 0; type and count are the same on every rank, addresses may differ */
  void *base;
  size_t stride; /* in bytes, at least one slot's */
  void *const *slot;
} eplb_gradient_t;

/* Starts to sum the gradients of a layer over the replicas of each expert. Copies `gradient`. Until
 * eplb_replicas_reduce_end the library reads and writes the gradients of experts with more than one replica, and the
 * job must not touch them. Each rank first sums its own replicas in slot order; then each element is summed on one rank
 * in rank order and sent to the others. So all replicas get the same bits. Each rank sends less than twice its
 * gradients' bytes, in two messages to each rank that shares experts with it.
 *
 * Collective over the session's ranks; waits for them (one small allreduce), but not for gradients. On failure every
 * rank returns the same code and sentence, and no gradient has changed: EPLB_ERR_ARGUMENT; EPLB_ERR_MISMATCH: ranks
 * passed different layers, types or counts, or made different calls; EPLB_ERR_STATE: a reduction of the layer is open
 * already, or the layer is moving; EPLB_ERR_UNSUPPORTED: the processor cannot access the session's memory;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_replicas_reduce_begin(eplb_session_t *session, int layer,
                                                     const eplb_gradient_t *gradient, int num_gradients);

/* Waits until every replica of the layer's experts has the sum. Collective over the session's ranks. While a reduction
 * is open, eplb_rebalance_begin and eplb_session_destroy return EPLB_ERR_STATE. On failure every rank returns the same
 * code and sentence: EPLB_ERR_STATE: a rank passed a layer without an open reduction; EPLB_ERR_MISMATCH: ranks passed
 * different layers, or made different calls; after both, open reductions stay open. EPLB_ERR_MPI: the reduction is
 * closed, and the content of the gradients is undefined. */
EPLB_PUBLIC eplb_status_t eplb_replicas_reduce_end(eplb_session_t *session, int layer);

#ifdef __cplusplus
}
#endif
#endif
