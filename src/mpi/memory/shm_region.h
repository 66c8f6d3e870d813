/* Shared regions for weights, which the ranks of a node can read without a copy by the owner. */
#ifndef EPLB_MPI_MEMORY_SHM_REGION_H
#define EPLB_MPI_MEMORY_SHM_REGION_H

#include "mpi/memory/shm_queue.h"

typedef struct eplb_shm_regions eplb_shm_regions_t;

/* Adds a region of `bytes` on each rank, zeroed; `bytes` may differ by rank. Neighbours can read it if memory can be
 * shared; else it is private memory. Collective over comm; `queue` is that of comm. *regions must be NULL before the
 * first call. On failure every rank returns the same: EPLB_ERR_MEMORY, EPLB_ERR_MPI. */
eplb_status_t eplb_shm_regions_add(eplb_comm_t *comm, eplb_shm_queue_t *queue, eplb_shm_regions_t **regions,
                                   size_t bytes, void **memory);

/* Frees all regions. Local; no rank may read them any more. NULL is fine. */
void eplb_shm_regions_destroy(eplb_shm_regions_t **regions);

/* Whether [address, address + length) lies in a region of this rank that neighbours can read; which one, and where. */
int eplb_shm_regions_find(const eplb_shm_regions_t *regions, const char *address, size_t length, int32_t *region,
                          size_t *offset);

/* The address of an offset in a neighbour's region. */
const char *eplb_shm_regions_at(const eplb_shm_regions_t *regions, int neighbour, int region, size_t offset);

#endif
