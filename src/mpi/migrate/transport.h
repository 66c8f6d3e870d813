/* How chunks of experts get from one rank to another: a table of functions for each way.
 *
 * To add a transport: write transport_NAME.c with one eplb_transport_t, declare it here, and add it to the list in
 * transport.c, before the transports that it is preferred to. Nothing else changes: at both ends, each message takes
 * the first transport of the list that reaches its peer.
 *
 * The migration calls the transport; the transport must not call the migration. It reports what has arrived and what
 * has failed in an eplb_transport_report_t. A failure must not end a message: the other end waits for the chunk. */
#ifndef EPLB_MPI_MIGRATE_TRANSPORT_H
#define EPLB_MPI_MIGRATE_TRANSPORT_H

#include "mpi/migrate/failure.h"
#include "mpi/migrate/migration_plan.h"

/* A message under way. It is the migration's and stays at its address while it is open. */
typedef struct eplb_open_message {
  const eplb_message_t *message;
  int32_t number; /* in plan->incoming or plan->outgoing */
  int slot;       /* which of the open messages of its direction: 0 to window - 1 */
  uint64_t *hash; /* where its checksum is */
  int64_t sent;   /* outgoing: chunks that the transport has taken */
} eplb_open_message_t;

/* EPLB_MOST_EARLY: a chunk must not arrive this many or more behind the first of its message that has not. */
enum { EPLB_MOST_ARRIVALS = 256, EPLB_MOST_EARLY = 64 };

typedef struct eplb_chunk_arrival {
  int32_t incoming; /* in plan->incoming */
  int64_t chunk;
} eplb_chunk_arrival_t;

typedef struct eplb_transport_report {
  int num_arrivals; /* since the migration emptied it, before each call */
  eplb_chunk_arrival_t arrival[EPLB_MOST_ARRIVALS];
  int64_t messages[EPLB_NUM_LINKS]; /* sent so far; chunks that are sent together are one */
  eplb_failure_t failure;           /* the first of this pass of the round */
  int is_refused; /* the kernel refused to read a neighbour's memory: chunks of this pass are not what was sent */
} eplb_transport_report_t;

typedef struct eplb_transport {
  const char *name;

  /* The longest chunk that can be sent to `peer` or come from it; 0 if the transport does not reach it. The same at
   * both ends. Local. */
  size_t (*longest_chunk)(const eplb_migrate_context_t *context, int peer);

  /* Gets all memory that moving will need; at most `window` messages are open each way. The checksum of incoming i
   * is to be put into incoming_hash[i]. All stay until destroy. On failure *self is NULL or to be destroyed. Local.
   * EPLB_ERR_MEMORY. */
  eplb_status_t (*create)(const eplb_migrate_context_t *context, const eplb_migration_plan_t *plan, int window,
                          uint64_t *incoming_hash, void **self);
  void (*destroy)(void *self);

  /* A round of the plan begins, or a part of it is sent again. NULL: nothing to do. */
  void (*start)(void *self, const eplb_round_t *round);

  /* Opens an incoming message, whose chunks must be put at message->location. NULL: messages arrive unasked and need
   * not be opened. */
  void (*post_receive)(void *self, const eplb_open_message_t *in, eplb_transport_report_t *report);

  /* Sends some of the chunks [out->sent, ready) of a message from message->location, and returns how many; 0: none can
   * be sent now. Their bytes do not change until the round is finished on all ranks. */
  int64_t (*send)(void *self, const eplb_open_message_t *out, int64_t ready, eplb_transport_report_t *report);

  /* Whether the transport no longer needs an outgoing message. NULL: always true. */
  int (*is_idle)(const void *self, const eplb_open_message_t *out);

  /* Reports chunks that have arrived, in any order; one that is reported again is ignored. Does not wait. Returns
   * whether anything could be done. */
  int (*progress)(void *self, eplb_transport_report_t *report);

  /* Abandons all chunks under way, because MPI has failed. Returns 1 if weights, staging or checksums may still be read
   * or written. NULL: nothing to do. */
  int (*abandon)(void *self);
} eplb_transport_t;

extern const eplb_transport_t eplb_transport_shm; /* through memory that ranks of a node share */
extern const eplb_transport_t eplb_transport_mpi; /* by MPI: reaches every rank */

/* All of them, the preferred first; NULL ends the list. */
extern const eplb_transport_t *const eplb_transports[];

/* Which of context->transport reaches `peer` first. One must. */
int eplb_transport_find(const eplb_migrate_context_t *context, int peer);

/* Adds an arrival to the report, which must have room. */
void eplb_transport_arrived(eplb_transport_report_t *report, int32_t incoming, int64_t chunk);

#endif
