/* Cross-memory attach (process_vm_readv): reads weights from the private memory of a neighbour, another rank of the
 * node. One copy; the neighbour need not run. */
#ifndef EPLB_MPI_MEMORY_CMA_H
#define EPLB_MPI_MEMORY_CMA_H

#include "mpi/memory/shm_queue.h"

/* Below this size one call of the kernel costs more than two copies. */
enum { EPLB_CMA_LEAST = 1 << 16 };

typedef struct eplb_cma eplb_cma_t;

/* Collective over the ranks of the node, `queue` being theirs. Returns NULL on every rank of the node, without an
 * error, if the kernel does not allow each rank to read all others, or if memory is short. */
eplb_cma_t *eplb_cma_create(eplb_shm_queue_t *queue);

/* Local. NULL is fine. */
void eplb_cma_destroy(eplb_cma_t **cma);

/* Whether neighbours can fetch this rank's [address, address + bytes); a device's memory is not for the kernel to read.
 * Returns 0 if cma is NULL. */
int eplb_cma_reaches(const eplb_cma_t *cma, const char *address, size_t bytes);

/* Copies `bytes` from `address` in the neighbour's memory. EPLB_ERR_UNSUPPORTED: the kernel does not allow it. */
eplb_status_t eplb_cma_read(const eplb_cma_t *cma, int neighbour, size_t address, char *to, size_t bytes);

#endif
