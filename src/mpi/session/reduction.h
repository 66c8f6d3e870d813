/* One rank's part in adding up the gradients of a layer's replicas.
 *
 * The elements of an expert are cut into as many segments as ranks hold it. Each of these ranks gets its segment from
 * the others (phase SCATTER), adds up, and sends the sum to them (phase GATHER). What a rank sends to another in a phase
 * is one message, of all tensors of all experts that they share. */
#ifndef EPLB_MPI_SESSION_REDUCTION_H
#define EPLB_MPI_SESSION_REDUCTION_H

#include "mpi/comm/comm.h"
#include <eplb/replicas.h>

/* An expert of which this rank has a replica, and which has more than one. */
typedef struct eplb_shared_expert {
  int holder_begin, num_holders; /* in holder[]: the ranks that have it, ascending */
  int own_index;                 /* of this rank among them */
  int slot_begin, num_slots;     /* in slot[]: this rank's, ascending */
} eplb_shared_expert_t;

/* Another rank that shares experts with this one, and where its messages lie in the buffer: `theirs` are segments that
 * the peer adds up, `ours` those that this rank does. */
typedef struct eplb_reduction_peer {
  int rank;
  size_t theirs_begin, theirs_bytes, ours_begin, ours_bytes;
  size_t cursor; /* while one of them is written or read */
} eplb_reduction_peer_t;

typedef enum eplb_reduction_phase {
  EPLB_REDUCTION_CLOSED,
  EPLB_REDUCTION_SCATTER,
  EPLB_REDUCTION_GATHER,
  EPLB_REDUCTION_DONE /* all messages are, or none will be, because MPI has failed */
} eplb_reduction_phase_t;

typedef struct eplb_reduction {
  eplb_reduction_phase_t phase;
  eplb_comm_t *comm;
  int layer, num_gradients, num_shared, num_peers, num_requests;
  eplb_gradient_t *gradient;
  eplb_shared_expert_t *shared;
  int *holder, *slot;
  eplb_reduction_peer_t *peer;
  int *peer_of;         /* [num_ranks]: index into peer, or -1 */
  const void **operand; /* [num_ranks] */
  char *buffer;
  MPI_Request *request;
  int *completed;
} eplb_reduction_t;

/* Everything that a reduction of the layer needs. Local. EPLB_ERR_MEMORY; *reduction is closed then. */
eplb_status_t eplb_reduction_prepare(const eplb_session_t *session, int layer, const eplb_gradient_t *gradient,
                                     int num_gradients, eplb_reduction_t *reduction);

/* Adds up this rank's replicas and starts the first phase. A failure of MPI is kept by comm. */
void eplb_reduction_start(eplb_reduction_t *reduction, eplb_comm_t *comm);

/* Moves on, without waiting; 1 if anything did. Phase is EPLB_REDUCTION_DONE in the end. */
int eplb_reduction_progress(eplb_reduction_t *reduction);

/* Gives up what is under way. */
void eplb_reduction_abandon(eplb_reduction_t *reduction);

/* Frees everything and closes it. */
void eplb_reduction_free(eplb_reduction_t *reduction);

#endif
