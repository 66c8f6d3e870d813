/* Where an expert lies on this rank: in a slot, or in staging. */
#ifndef EPLB_MPI_MIGRATE_LOCATION_H
#define EPLB_MPI_MIGRATE_LOCATION_H

#include "mpi/migrate/context.h"

typedef struct eplb_location {
  int32_t slot;   /* local; or -1: in staging, and then */
  int32_t spare;  /* tables' tensors are in this spare of their pools, */
  size_t staging; /* the others here, tensor after tensor */
} eplb_location_t;

/* The address of byte `offset` of an expert that lies there, and in *length how many bytes follow it in one piece.
 * `offset` < expert_bytes of the layer. */
char *eplb_location_address(const eplb_migrate_context_t *context, int layer, const eplb_location_t *location,
                            size_t offset, size_t *length);

#endif
