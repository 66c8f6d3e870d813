/* The memory of the host. */
#ifndef EPLB_MPI_MEMORY_HOST_H
#define EPLB_MPI_MEMORY_HOST_H

#include <eplb/memory.h>

/* The host's memory: what a session takes where it is given none. Local; static storage. */
const eplb_memory_t *eplb_memory_host(void);

#endif
