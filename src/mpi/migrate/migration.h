/* Moves the experts of a flight: nonblocking, chunk by chunk, by MPI (lanes.c) or through shared memory (letters.c). */
#ifndef EPLB_MPI_MIGRATE_MIGRATION_H
#define EPLB_MPI_MIGRATE_MIGRATION_H

#include "mpi/migrate/migration_plan.h"

/* Chunks of a message that are on the way at the same time; and messages that are, each way. Messages are opened in the
 * order of the transfers, which is the same on all ranks, and those that are open have lanes of their own. So the first
 * of all ranks' transfers that is not finished is open at both its ends, and what it waits for is finished: some
 * transfer can always go on. */
enum { EPLB_LANES = 2, EPLB_WINDOW = 16, EPLB_BOUNCING_WINDOW = 4 };

typedef enum eplb_lane_state {
  EPLB_LANE_IDLE,
  EPLB_LANE_COPYING, /* between the buffer and memory that MPI cannot touch */
  EPLB_LANE_ON_WAY   /* MPI has it */
} eplb_lane_state_t;

typedef struct eplb_lane {
  eplb_lane_state_t state;
  int64_t chunk;
  char *buffer; /* of the host's memory, where MPI cannot touch the weights' own; else NULL */
} eplb_lane_t;

typedef struct eplb_mover {
  eplb_session_t *session;
  eplb_moves_t *moves;
  const eplb_flight_t *flight; /* the one under way */
  int window;                  /* messages that are open at most, each way */
  eplb_lane_t *lane;           /* [2 * window * EPLB_LANES]: first those of incoming messages */
  MPI_Request *request;        /* of each lane */
  int *completed;              /* [lanes] */
  int32_t *open_in, *open_out; /* [window]: numbers of incoming and outgoing, or -1 */
  int next_in, next_out;       /* the first that has not been opened */
  int32_t *letters_begin;      /* [neighbours + 1]: each neighbour's part of `letters` */
  int32_t *letters;            /* incoming by neighbour and tag */
  eplb_piece_t *piece;         /* of one message: one for each tensor, and the checksum's */
  int *piece_bytes;            /* the same as MPI wants it */
  MPI_Aint *piece_address;
  char *scratch;                    /* a chunk of the host's memory, where the processor cannot touch the weights */
  int is_copying;                   /* within this rank, in queue EPLB_LOCAL_QUEUE */
  int unfinished;                   /* incoming and outgoing experts */
  int64_t arrived, all;             /* bytes of weights, in all flights */
  int64_t messages[EPLB_NUM_LINKS]; /* chunks sent */
  eplb_status_t status;             /* the first failure in this flight */
  char sentence[EPLB_ERROR_MAX];
  double seconds_verify;
} eplb_mover_t;

/* Gets all memory that moving will need. Local. The mover is all zero before; end it with eplb_mover_free, also after a
 * failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_mover_prepare(eplb_mover_t *mover, eplb_session_t *session, eplb_moves_t *moves);
void eplb_mover_free(eplb_mover_t *mover);

/* Starts a flight; the one before must be finished and its parts committed on this rank. Local. */
void eplb_mover_start(eplb_mover_t *mover, int flight);

/* Does what can be done without waiting; whether anything could be. Local. */
int eplb_mover_progress(eplb_mover_t *mover);

/* Whether this rank has all that it receives and has sent all that it sends. A failure does not stop a flight: other
 * ranks count on its messages. It stays in mover->status. */
static inline int eplb_mover_finished(const eplb_mover_t *mover) {
  return mover->unfinished == 0;
}

/* Puts the experts of a part of the flight, by number in moves->part, into their slots. Local. */
void eplb_mover_commit(eplb_mover_t *mover, int part);

/* ---- for lanes.c and letters.c ---- */

/* Keeps the first failure of the flight, with its sentence: the caller may make other calls before the ranks agree. */
void eplb_mover_note(eplb_mover_t *mover, eplb_status_t status);

/* How the message of an expert of `layer` is cut into chunks. */
size_t eplb_mover_message_bytes(const eplb_mover_t *mover, int layer);
int64_t eplb_mover_count_chunks(const eplb_mover_t *mover, int layer, size_t chunk_bytes);

/* Where chunk `number` begins and ends in the message. */
void eplb_mover_chunk(const eplb_mover_t *mover, int layer, size_t chunk_bytes, int64_t number, size_t *begin,
                      size_t *end);

/* How many chunks of an outgoing message can be sent by now: all, or as many as have come of what is passed on. */
int64_t eplb_mover_ready_chunks(const eplb_mover_t *mover, const eplb_outgoing_t *out);

/* The checksum that goes with it: its own, or that which came with what is passed on. */
uint64_t *eplb_mover_outgoing_hash(const eplb_mover_t *mover, eplb_outgoing_t *out);

/* Another chunk of an incoming expert is there; compares checksums where it was the last. */
void eplb_mover_arrived(eplb_mover_t *mover, eplb_incoming_t *in);

#endif
