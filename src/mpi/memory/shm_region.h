/* Weights that ranks of a node can read where they lie. */
#ifndef EPLB_MPI_MEMORY_SHM_REGION_H
#define EPLB_MPI_MEMORY_SHM_REGION_H

#include "mpi/memory/shm_queue.h"

typedef struct eplb_regions eplb_regions_t;

/* A region of `bytes` of zeros on each rank, which may differ by rank; one that neighbours can read where that is
 * possible, else memory as any other. Collective over comm, `box` being that of comm. *regions is NULL before the
 * first. On failure every rank returns EPLB_ERR_MEMORY. */
eplb_status_t eplb_regions_add(MPI_Comm comm, const eplb_box_t *box, eplb_regions_t **regions, size_t bytes,
                               void **memory);

/* Frees all. Local; when no rank reads any more. NULL is fine. */
void eplb_regions_destroy(eplb_regions_t **regions);

/* Whether [address, address + length) lies in a region of this rank that neighbours can read; which one, and where. */
int eplb_regions_find(const eplb_regions_t *regions, const char *address, size_t length, int32_t *region,
                      size_t *offset);

/* A place in a neighbour's region. */
const char *eplb_regions_at(const eplb_regions_t *regions, int neighbour, int region, size_t offset);

#endif
