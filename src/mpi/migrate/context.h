/* What a migration needs of the session that it belongs to, and no more. */
#ifndef EPLB_MPI_MIGRATE_CONTEXT_H
#define EPLB_MPI_MIGRATE_CONTEXT_H

#include "mpi/memory/cma.h"
#include "mpi/memory/shm_region.h"
#include "mpi/migrate/tensors.h"
#include <eplb/session.h>

/* All pointers are the owner's. Nothing changes while a migration is under way, but for staging, which the migration
 * grows. */
typedef struct eplb_migrate_context {
  eplb_comm_t *comm;
  int rank, num_ranks;
  const eplb_topology_t *topology;
  int num_layers, num_experts;
  const eplb_tensors_t *layer; /* [num_layers] */
  eplb_pool_t *pool;           /* spares of the tensors that are reached by table */
  const eplb_memory_t *memory;
  eplb_mode_t mode;
  size_t chunk_bytes;   /* longest chunk */
  size_t staging_limit; /* most that staging may take; 0: what the largest layer needs */
  char *staging;        /* for incoming experts, as large as any rebalance has needed so far; from memory->allocate */
  size_t staging_bytes; /* of it */
  eplb_shm_queue_t *queue; /* to and from ranks that share memory with this one; or NULL */
  eplb_shm_regions_t *regions;
  eplb_cma_t *cma;      /* of their own memory; or NULL */
  eplb_fault_fn *fault; /* or NULL */
  void *fault_arg;
  const struct eplb_transport *const *transport; /* the preferred first; NULL ends the list: see transport.h */
  int verify;                                    /* 1: checksums travel behind each expert */
  int read_whole;                                /* 1: whole experts are compared where samples would be */
} eplb_migrate_context_t;

/* How many slots this rank has. */
static inline int eplb_migrate_slots(const eplb_migrate_context_t *c) {
  return c->topology->slot_begin[c->rank + 1] - c->topology->slot_begin[c->rank];
}

/* Calls the fault callback at a step and returns its result, EPLB_ERR_ARGUMENT if that is no code of eplb/status.h, or
 * EPLB_SUCCESS if there is no callback. Local. */
eplb_status_t eplb_migrate_fault(const eplb_migrate_context_t *context, eplb_step_t step, void *bytes, size_t size);

#endif
