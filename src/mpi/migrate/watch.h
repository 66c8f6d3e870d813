/* Finds weights that the job wrote while they moved. The fingerprints of the slots that a rebalance reads are taken
 * when it begins, and compared before a commit unit is committed: with the same slots, and with what has arrived. */
#ifndef EPLB_MPI_MIGRATE_WATCH_H
#define EPLB_MPI_MIGRATE_WATCH_H

#include "mpi/migrate/migration_plan.h"
#include "mpi/migrate/sample.h"

/* A slot of this rank that a commit unit reads. */
typedef struct eplb_watched_slot {
  int32_t layer, expert, slot;
  int32_t known_after; /* the commit unit whose commit puts the expert there; -1: it is there at begin */
  uint64_t before, now;
} eplb_watched_slot_t;

typedef struct eplb_watch {
  const eplb_migrate_context_t *context;
  const eplb_migration_plan_t *plan;
  const uint64_t *incoming_hash, *outgoing_hash; /* the migration's checksums of each, set before they are needed */
  eplb_sampler_t sampler;
  eplb_watched_slot_t *slot;
  int32_t *slot_begin;                          /* [num_units + 1]: where each commit unit's begin */
  int32_t *slot_of_incoming, *slot_of_outgoing; /* of each: the watched slot that it reads, or -1 */
  uint64_t *arrived;                            /* [num_incoming]: fingerprints */
  uint64_t *table;                              /* what ranks add up to find an expert */
} eplb_watch_t;

/* The watch is all zero before; free it also after a failure. `salt` must be the same on every rank; `scratch` as in
 * eplb_sampler_t. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_watch_init(eplb_watch_t *watch, const eplb_migrate_context_t *context,
                              const eplb_migration_plan_t *plan, uint64_t salt, char *scratch);
void eplb_watch_free(eplb_watch_t *watch);

/* Takes the fingerprints of the slots that are to be read. _begin: when the rebalance begins. _after_commit: of the
 * slots that the commit of `unit` has written and later commit units of its layer read. _after_write: the job has
 * written the layer; of its commit units from `next_unit` on. Local. Fails only if a device's copy fails. */
eplb_status_t eplb_watch_begin(eplb_watch_t *watch);
eplb_status_t eplb_watch_after_commit(eplb_watch_t *watch, int unit);
eplb_status_t eplb_watch_after_write(eplb_watch_t *watch, int layer, int next_unit);

/* Checks that all slots that commit units [begin, end) read on this rank, and their copies within this rank, have not
 * changed: EPLB_ERR_CHANGED, EPLB_ERR_CORRUPT. Adds to *balance a number for each expert sent, and subtracts one for
 * each that has arrived: the sum over all ranks is 0, modulo 2^64, if all arrived as they were sent. Local. */
eplb_status_t eplb_watch_check(eplb_watch_t *watch, int begin, int end, uint64_t *balance);

/* Where that sum is not 0: says which expert did not arrive on this rank as it was sent, for the first commit unit and
 * expert of which that is so. Collective over the session's ranks: three allreduces, after eplb_watch_check of the same
 * commit units. EPLB_ERR_CHANGED: it lies in a slot; EPLB_ERR_CORRUPT. */
eplb_status_t eplb_watch_find_different(eplb_watch_t *watch, int begin, int end);

/* The checksum of an outgoing expert, if its fingerprint is one: 1, else 0. */
int eplb_watch_checksum(const eplb_watch_t *watch, int outgoing, uint64_t *hash);

/* EPLB_ERR_CHANGED if a slot that commit unit `unit` reads on this rank differs from its fingerprint or from the
 * checksum that was sent with it. Local. */
eplb_status_t eplb_watch_find_written(eplb_watch_t *watch, int unit);

#endif
