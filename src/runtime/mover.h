/* Moves the experts of a flight: nonblocking, point to point, chunk by chunk, into staging. */
#ifndef EPLB_RUNTIME_MOVER_H
#define EPLB_RUNTIME_MOVER_H

#include "runtime/moves.h"

typedef struct eplb_mover {
  eplb_session_t *session;
  eplb_moves_t *moves;
  const eplb_flight_t *flight; /* the one under way */
  char *staging;               /* [moves->staging_peak], the session's */
  MPI_Request *request;        /* EPLB_MOVER_LANES for each incoming, then for each outgoing of the flight */
  int *completed;              /* as many */
  int *piece_bytes;            /* of one message: a piece for each tensor and one for the checksum */
  MPI_Aint *piece;
  int unfinished;       /* incoming and outgoing experts */
  eplb_status_t status; /* the first failure in this flight */
  char sentence[EPLB_ERROR_MAX];
  double seconds_verify;
} eplb_mover_t;

/* Chunks of one expert that are on the way at the same time, from one rank to another. */
enum { EPLB_MOVER_LANES = 2 };

/* Gets all memory that moving will need. Local. The mover is all zero before; end it with eplb_mover_free, also after a failure.
 * EPLB_ERR_MEMORY. */
eplb_status_t eplb_mover_prepare(eplb_mover_t *mover, eplb_session_t *session, eplb_moves_t *moves);
void eplb_mover_free(eplb_mover_t *mover);

/* Starts a flight; the one before must be finished and its layers committed on this rank. Local. */
void eplb_mover_start(eplb_mover_t *mover, int flight);

/* Does what can be done without waiting; whether anything could be. Local. */
int eplb_mover_progress(eplb_mover_t *mover);

/* Whether this rank has all that it receives and has sent all that it sends. A failure does not stop a flight: other ranks count
 * on its messages. It stays in mover->status. */
static inline int eplb_mover_finished(const eplb_mover_t *mover) {
  return mover->unfinished == 0;
}

/* Puts the experts of one layer of the flight, by number in moves->layer, from staging into their slots. Local. */
void eplb_mover_commit(eplb_mover_t *mover, int moved_layer);

#endif
