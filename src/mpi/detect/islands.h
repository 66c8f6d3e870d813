/* Accelerators that are all linked to each other. */
#ifndef EPLB_MPI_DETECT_ISLANDS_H
#define EPLB_MPI_DETECT_ISLANDS_H

#include <eplb/detect.h>

/* Sets the island of each accelerator of *host by its bandwidths, or without links by NUMA node. Local.
 * EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_islands(eplb_host_t *host);

#endif
