/* Merges the views of one host: each process may see only some of its accelerators. */
#ifndef EPLB_MPI_MACHINE_HOST_MERGE_H
#define EPLB_MPI_MACHINE_HOST_MERGE_H

#include <eplb/detect.h>

/* The host of view[0] with all accelerators of view[count], each once: they are the same by PCI bus id and partition,
 * or else by UUID; what has neither is another one in each view. They stand by vendor, PCI bus id and partition.
 * place[], with room for the accelerators of all views, view by view, becomes where each is in *merged, which the
 * caller owns. EPLB_ERR_MEMORY. */
eplb_status_t eplb_host_merge(eplb_host_t *const *view, int count, int *place, eplb_host_t **merged);

#endif
