/* Moves the experts of a round: nonblocking, chunk by chunk, by the transports of transport.h, which it drives. */
#ifndef EPLB_MPI_MIGRATE_MIGRATION_H
#define EPLB_MPI_MIGRATE_MIGRATION_H

#include "mpi/migrate/transport.h"
#include "mpi/migrate/watch.h"

/* Messages that are open at the same time, each way: less where their chunks need buffers. Messages are opened in
 * the order of the transfers, which is the same on all ranks. So the first of all ranks' transfers that is not
 * finished is open at both its ends, and what it waits for is finished: some transfer can always go on. */
enum { EPLB_WINDOW = 16, EPLB_BUFFERED_WINDOW = 4 };

/* How far an incoming expert is. */
typedef struct eplb_incoming_progress {
  int64_t arrived; /* chunks that are there with all before them */
  uint64_t early;  /* bit k: chunk arrived + 1 + k is there, too */
  int64_t far;     /* chunks beyond those, which no transport may report: only how many */
  uint64_t found;  /* checksum of what arrived, if is_corrupt: it differs from the one that came with it */
  int32_t is_corrupt;
  int32_t slot; /* that it was committed to first, or -1 */
} eplb_incoming_progress_t;

typedef struct eplb_migration {
  eplb_migrate_context_t *context;
  const eplb_migration_plan_t *plan;
  const eplb_round_t *round; /* the one under way */
  unsigned char *is_moving;  /* [num_layers]: is sent in this pass of the round: all, or what is sent again */
  eplb_watch_t watch;
  int num_transports;
  void **transport;                        /* [num_transports]: of context->transport, what each has created */
  eplb_transport_report_t report;          /* what they report */
  eplb_incoming_progress_t *progress;      /* [num_incoming] */
  uint64_t *incoming_hash;                 /* [num_incoming]: checksums that came with them */
  uint64_t *outgoing_hash;                 /* [num_outgoing]: that go with them, unless they are passed on */
  int window;                              /* messages that are open at most, each way */
  eplb_open_message_t *open_in, *open_out; /* [window]: number -1 is none */
  int next_in, next_out;                   /* the first that has not been opened */
  char *scratch;        /* a chunk of the host's memory, where the processor cannot touch the weights */
  int is_lost;          /* a transport may still touch what it was given: staging and checksums are never freed */
  int is_copying;       /* within this rank, in queue EPLB_LOCAL_QUEUE */
  int unfinished;       /* incoming and outgoing experts */
  int64_t arrived, all; /* bytes of weights, in all rounds */
  int num_corrupt;      /* incoming experts of this pass whose checksums are wrong */
  double seconds_verify;
} eplb_migration_t;

/* Gets all memory that moving will need. Local. The migration is all zero before; end it with eplb_migration_free, also
 * after a failure. `number` is that of the rebalance. EPLB_ERR_MEMORY. */
eplb_status_t eplb_migration_init(eplb_migration_t *migration, eplb_migrate_context_t *context,
                                  const eplb_migration_plan_t *plan, uint64_t number);
void eplb_migration_free(eplb_migration_t *migration);

/* Starts a round; the one before must be finished and its commit units committed on this rank. Local. */
void eplb_migration_start(eplb_migration_t *migration, int round);

/* Sends the layers of the round with again[layer] once more; the pass before must be finished on all ranks, and none of
 * these layers' commit units committed. Local. */
void eplb_migration_resend(eplb_migration_t *migration, const unsigned char *again);

/* Does what can be done without waiting; whether anything could be. After a failure of MPI on this rank it gives up.
 * Local. */
int eplb_migration_progress(eplb_migration_t *migration);

/* Gives up what is left of the round, because MPI has failed here or on another rank; waits for the copies of devices
 * that are under way. Local. */
void eplb_migration_abandon(eplb_migration_t *migration);

/* Whether this rank has all that it receives and has sent all that it sends. A failure does not stop a round: other
 * ranks count on its messages. It stays in migration->report.failure. */
static inline int eplb_migration_finished(const eplb_migration_t *migration) {
  return migration->unfinished == 0;
}

/* The failure of this pass by which its ranks agree whether they go on. */
static inline eplb_status_t eplb_migration_status(const eplb_migration_t *migration) {
  eplb_status_t status = migration->report.failure.status;
  return status || !migration->num_corrupt ? status : EPLB_ERR_CORRUPT;
}

/* Returns this rank's reason for the failure of a pass. The pass must be finished on all ranks, and all must have
 * agreed on its status `worst`. Layers with again[layer], which are sent again, are no reason. Local. EPLB_ERR_CHANGED
 * rather than EPLB_ERR_CORRUPT if a slot was written; EPLB_SUCCESS if this rank knows no reason. */
eplb_status_t eplb_migration_explain(eplb_migration_t *migration, eplb_status_t worst, const unsigned char *again);

/* Puts the experts of a commit unit of the round, by number in plan->unit, into their slots. Local. Fails only if a
 * device's copy fails: what these slots hold is then not known. */
eplb_status_t eplb_migration_commit(eplb_migration_t *migration, int unit);

/* Keeps the first failure of the pass, with its sentence: the caller may make other calls before the ranks agree. */
static inline void eplb_migration_keep_failure(eplb_migration_t *migration, eplb_status_t status) {
  eplb_failure_keep(&migration->report.failure, status);
}

#endif
