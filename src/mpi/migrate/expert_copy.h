/* Whole experts on this rank. */
#ifndef EPLB_MPI_MIGRATE_EXPERT_COPY_H
#define EPLB_MPI_MIGRATE_EXPERT_COPY_H

#include "mpi/migrate/location.h"

/* Of the memory's queues, that of copies within a rank. */
enum { EPLB_LOCAL_QUEUE = EPLB_MEMORY_QUEUES - 1 };

/* Starts copying bytes of weights, in EPLB_LOCAL_QUEUE where the processor cannot do it itself. */
eplb_status_t eplb_copy_bytes(const eplb_migrate_context_t *context, void *to, const void *from, size_t bytes,
                              eplb_copy_t direction);

/* Starts copying the tensors of an expert from one place to another, or only those that are not reached by table; in
 * EPLB_LOCAL_QUEUE where the processor cannot do it itself. */
eplb_status_t eplb_expert_copy(const eplb_migrate_context_t *context, int layer, const eplb_location_t *from,
                               const eplb_location_t *to, int with_tables);

/* Waits for the copies of a queue; eplb_expert_wait for those of EPLB_LOCAL_QUEUE. Afterwards no copy of the queue is
 * under way, also after a failure. */
eplb_status_t eplb_copies_wait(const eplb_migrate_context_t *context, int queue);
eplb_status_t eplb_expert_wait(const eplb_migrate_context_t *context);

/* XXH3 of all its bytes. scratch[chunk_bytes] of the host's memory is needed where the processor cannot touch the
 * weights. */
eplb_status_t eplb_expert_hash(const eplb_migrate_context_t *context, int layer, const eplb_location_t *location,
                               char *scratch, uint64_t *hash);

#endif
