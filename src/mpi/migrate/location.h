/* Where an expert lies on this rank: in a slot, or on its way into one. */
#ifndef EPLB_MPI_MIGRATE_LOCATION_H
#define EPLB_MPI_MIGRATE_LOCATION_H

#include "mpi/migrate/context.h"

typedef struct eplb_location {
  int32_t slot;   /* local; or -1: in staging, and then */
  int32_t spare;  /* tables' tensors are in this spare of their pools, */
  size_t staging; /* the others here, tensor after tensor */
} eplb_location_t;

/* What an expert's place is in memory, for the bytes from `offset` on: the address, and how many lie there in one
 * piece. `offset` < expert_bytes of the layer. */
char *eplb_location_piece(const eplb_migrate_context_t *context, int layer, const eplb_location_t *place, size_t offset,
                          size_t *length);

/* A part of an expert in memory. */
typedef struct eplb_piece {
  char *address;
  size_t length;
} eplb_piece_t;

/* The pieces of [begin, end) of a message, which is the expert's bytes and then the 8 of *hash, into piece[as many as
 * the layer has tensors, and one]; neighbours in memory are one. Returns how many. */
int eplb_location_pieces(const eplb_migrate_context_t *context, int layer, const eplb_location_t *place, uint64_t *hash,
                         size_t begin, size_t end, eplb_piece_t *piece);

#endif
