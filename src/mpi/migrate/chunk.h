/* How messages are cut into chunks. A message is an expert's bytes, tensor after tensor, and behind them, with
 * context->verify, the 8 bytes of its checksum. Both ends of a message compute the same chunks. */
#ifndef EPLB_MPI_MIGRATE_CHUNK_H
#define EPLB_MPI_MIGRATE_CHUNK_H

#include "mpi/migrate/migration_plan.h"
#include <sys/uio.h>

/* How many chunks the message has; 0 if it has no bytes. */
int64_t eplb_chunk_count(const eplb_migrate_context_t *context, const eplb_message_t *message);

/* How many of them lie whole in the message's first `chunks` chunks, where these are of `chunk_bytes`. */
int64_t eplb_chunk_count_within(const eplb_migrate_context_t *context, const eplb_message_t *message, int64_t chunks,
                                size_t chunk_bytes);

/* Where chunk `number` begins and ends in the message. */
void eplb_chunk_bounds(const eplb_migrate_context_t *context, const eplb_message_t *message, int64_t number,
                       size_t *begin, size_t *end);

/* Where [begin, end) of the message lies in memory, its checksum in *hash: into piece[eplb_chunk_most_pieces];
 * neighbours in memory are one. Returns how many. */
int eplb_chunk_pieces(const eplb_migrate_context_t *context, const eplb_message_t *message, uint64_t *hash,
                      size_t begin, size_t end, struct iovec *piece);

/* The most pieces of any chunk: one for each tensor, and the checksum's. */
int eplb_chunk_most_pieces(const eplb_migrate_context_t *context);

#endif
