/* ZE_AFFINITY_MASK: which of Intel's cards or tiles a process sees. */
#ifndef EPLB_MPI_DETECT_AFFINITY_MASK_H
#define EPLB_MPI_DETECT_AFFINITY_MASK_H

#include "mpi/detect/visible_lists.h"

/* *list has all of Intel's accelerators; removes those that the mask does not name, and notes entries of the mask that
 * name no device. Local. Reads ZE_FLAT_DEVICE_HIERARCHY. EPLB_ERR_MEMORY. */
eplb_status_t eplb_apply_affinity_mask(const eplb_host_t *host, const char *mask, eplb_visible_list_t *list);

#endif
