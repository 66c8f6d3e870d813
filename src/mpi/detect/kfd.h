/* Reads AMD GPUs from the kernel driver (KFD) if hwloc has no RSMI backend. */
#ifndef EPLB_MPI_DETECT_KFD_H
#define EPLB_MPI_DETECT_KFD_H

#include <eplb/detect.h>
#include <hwloc.h>

#define EPLB_KFD_NODES "/sys/class/kfd/kfd/topology/nodes"

/* Takes AMD's accelerators of *host, whose hwloc objects are (*object)[], as the folder `nodes` has them: in its order,
 * which is that of ROCr; each partition of a GPU (SPX, TPX, CPX) as one; without those that it does not show, because a
 * cgroup denies them; with their UUIDs. Changes nothing without this folder, or where hwloc's RSMI backend has numbered
 * them. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_ask_kfd(const char *nodes, eplb_host_t *host, hwloc_obj_t **object);

#endif
