/* Moves the experts of a round: nonblocking, chunk by chunk, by MPI (transport_mpi.c) or
 * through shared memory (transport_shm.c). */
#ifndef EPLB_MPI_MIGRATE_MIGRATION_H
#define EPLB_MPI_MIGRATE_MIGRATION_H

#include "mpi/migrate/watch.h"

/* Chunks of a message that are on the way at the same time; and messages that are, each way. Messages are opened in the
 * order of the transfers, which is the same on all ranks, and those that are open have inflight_chunks of their own. So
 * the first of all ranks' transfers that is not finished is open at both its ends, and what it waits for is finished:
 * some transfer can always go on. */
enum { EPLB_INFLIGHT_CHUNKS = 2, EPLB_WINDOW = 16, EPLB_BOUNCING_WINDOW = 4 };

typedef enum eplb_inflight_state {
  EPLB_INFLIGHT_IDLE,
  EPLB_INFLIGHT_COPYING, /* between the buffer and memory that MPI cannot touch */
  EPLB_INFLIGHT_ON_WAY   /* MPI has it */
} eplb_inflight_state_t;

typedef struct eplb_inflight {
  eplb_inflight_state_t state;
  int64_t chunk;
  char *buffer; /* of the host's memory, where MPI cannot touch the weights' own; else NULL */
} eplb_inflight_t;

typedef struct eplb_migration {
  eplb_migrate_context_t *context;
  eplb_migration_plan_t *moves;
  const eplb_round_t *round; /* the one under way */
  unsigned char *is_moving;  /* [num_layers]: is sent in this pass of the round: all, or what is sent again */
  eplb_watch_t watch;
  int window;                 /* messages that are open at most, each way */
  eplb_inflight_t *inflight;  /* [2 * window * EPLB_INFLIGHT_CHUNKS]: first those of incoming messages */
  MPI_Request *request;       /* of each inflight */
  int *completed;             /* [inflight_chunks] */
  MPI_Status *message_status; /* of those */
  int is_lost; /* MPI failed, and may still touch what it was given: staging, buffers, checksums are never freed */
  int32_t *open_in, *open_out;    /* [window]: numbers of incoming and outgoing, or -1 */
  int next_in, next_out;          /* the first that has not been opened */
  int32_t *incoming_by_tag_begin; /* [neighbours + 1]: each neighbour's part of it */
  int32_t *incoming_by_tag;       /* incoming by neighbour and tag */
  eplb_piece_t *piece;            /* of one message: one for each tensor, and the checksum's */
  int *piece_bytes;               /* the same as MPI wants it */
  MPI_Aint *piece_address;
  char *scratch;                    /* a chunk of the host's memory, where the processor cannot touch the weights */
  int is_copying;                   /* within this rank, in queue EPLB_LOCAL_QUEUE */
  int unfinished;                   /* incoming and outgoing experts */
  int64_t arrived, all;             /* bytes of weights, in all rounds */
  int64_t messages[EPLB_NUM_LINKS]; /* chunks sent */
  int num_corrupt;                  /* incoming experts of this pass whose checksums are wrong */
  eplb_status_t status;             /* the first failure in this pass, wrong checksums apart */
  char sentence[EPLB_ERROR_MAX];
  double seconds_verify;
} eplb_migration_t;

/* Gets all memory that moving will need. Local. The migration is all zero before; end it with eplb_migration_free, also
 * after a failure. `number` is that of the rebalance. EPLB_ERR_MEMORY. */
eplb_status_t eplb_migration_prepare(eplb_migration_t *migration, eplb_migrate_context_t *context,
                                     eplb_migration_plan_t *moves, uint64_t number);
void eplb_migration_free(eplb_migration_t *migration);

/* Starts a round; the one before must be finished and its parts committed on this rank. Local. */
void eplb_migration_start(eplb_migration_t *migration, int round);

/* Sends the layers of the round with again[layer] once more; the pass before must be finished on all ranks, and none of
 * these layers' parts committed. Local. */
void eplb_migration_start_again(eplb_migration_t *migration, const unsigned char *again);

/* Does what can be done without waiting; whether anything could be. After a failure of MPI on this rank it gives up.
 * Local. */
int eplb_migration_progress(eplb_migration_t *migration);

/* Gives up what is left of the round, because MPI has failed here or on another rank. Local. */
void eplb_migration_abandon(eplb_migration_t *migration);

/* Whether this rank has all that it receives and has sent all that it sends. A failure does not stop a round: other
 * ranks count on its messages. It stays in migration->status. */
static inline int eplb_migration_finished(const eplb_migration_t *migration) {
  return migration->unfinished == 0;
}

/* The failure of this pass by which its ranks agree whether they go on. */
static inline eplb_status_t eplb_migration_status(const eplb_migration_t *migration) {
  return migration->status || !migration->num_corrupt ? migration->status : EPLB_ERR_CORRUPT;
}

/* Says why the pass, finished on all ranks, failed, after all ranks have agreed that it failed as `worst` says; layers
 * with again[layer], which are sent again, are no reason. Local. EPLB_ERR_CHANGED rather than EPLB_ERR_CORRUPT where a
 * slot was written; EPLB_SUCCESS where this rank knows no reason. */
eplb_status_t eplb_migration_explain(eplb_migration_t *migration, eplb_status_t worst, const unsigned char *again);

/* Puts the experts of a part of the round, by number in moves->part, into their slots. Local. */
void eplb_migration_commit(eplb_migration_t *migration, int part);

/* ---- for transport_mpi.c and transport_shm.c ---- */

/* Keeps the first failure of the round, with its sentence: the caller may make other calls before the ranks agree. */
void eplb_migration_note(eplb_migration_t *migration, eplb_status_t status);

/* How the message of an expert of `layer` is cut into chunks. */
size_t eplb_migration_message_bytes(const eplb_migration_t *migration, int layer);
int64_t eplb_migration_count_chunks(const eplb_migration_t *migration, int layer, size_t chunk_bytes);

/* Where chunk `number` begins and ends in the message. */
void eplb_migration_chunk(const eplb_migration_t *migration, int layer, size_t chunk_bytes, int64_t number,
                          size_t *begin, size_t *end);

/* How many chunks of an outgoing message can be sent by now: all, or as many as have come of what is passed on. */
int64_t eplb_migration_ready_chunks(const eplb_migration_t *migration, const eplb_outgoing_t *out);

/* The checksum that goes with it: its own, or that which came with what is passed on. */
uint64_t *eplb_migration_outgoing_hash(const eplb_migration_t *migration, eplb_outgoing_t *out);

/* Another chunk of an incoming expert is there; compares checksums where it was the last. */
void eplb_migration_arrived(eplb_migration_t *migration, eplb_incoming_t *in);

#endif
