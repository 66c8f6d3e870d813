/* Asks NVIDIA's management library (NVML) for what hwloc does not know. */
#ifndef EPLB_MPI_DETECT_NVML_H
#define EPLB_MPI_DETECT_NVML_H

#include <eplb/detect.h>
#include <hwloc.h>

/* Asks NVML, loaded at run time, about the NVIDIA accelerators of *host, whose hwloc objects are (*object)[]: removes
 * those that NVML does not show, because a cgroup or a container hides them; replaces a GPU by its MIG devices; sets
 * uuid, fabric and, of MIG devices, name and memory. Changes nothing without NVML or without a driver. The variable
 * EPLB_NVML_LIBRARY may name the library's file. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_ask_nvml(eplb_host_t *host, hwloc_obj_t **object);

#endif
