/* Weights that ranks of a node can read where they lie. */
#ifndef EPLB_MPI_MEMORY_SHM_REGION_H
#define EPLB_MPI_MEMORY_SHM_REGION_H

#include "mpi/memory/shm_queue.h"

typedef struct eplb_shm_regions eplb_shm_regions_t;

/* A region of `bytes` of zeros on each rank, which may differ by rank; one that neighbours can read where that is
 * possible, else memory as any other. Collective over comm, `queue` being that of comm. *regions is NULL before the
 * first. On failure every rank returns the same: EPLB_ERR_MEMORY, EPLB_ERR_MPI. */
eplb_status_t eplb_shm_regions_add(eplb_comm_t *comm, eplb_shm_queue_t *queue, eplb_shm_regions_t **regions,
                                   size_t bytes, void **memory);

/* Frees all. Local; when no rank reads any more. NULL is fine. */
void eplb_shm_regions_destroy(eplb_shm_regions_t **regions);

/* Whether [address, address + length) lies in a region of this rank that neighbours can read; which one, and where. */
int eplb_shm_regions_find(const eplb_shm_regions_t *regions, const char *address, size_t length, int32_t *region,
                          size_t *offset);

/* A place in a neighbour's region. */
const char *eplb_shm_regions_at(const eplb_shm_regions_t *regions, int neighbour, int region, size_t offset);

#endif
