/* The device of a rank that is one of several. */
#ifndef EPLB_MPI_DETECT_RANK_DEVICE_H
#define EPLB_MPI_DETECT_RANK_DEVICE_H

#include <eplb/detect.h>

/* eplb_rank_device for a rank that is number `place` of those of its node that have the same lists of visible devices
 * and see the same accelerators; local_rank counts all of the node. */
eplb_status_t eplb_find_device(const eplb_host_t *host, int local_rank, int place, eplb_rank_info_t *info);

/* Finds where this process is bound on its own host: package, numa and num_pus of *info. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_binding(const eplb_host_t *host, eplb_rank_info_t *info);

/* Finds what encloses this process's node, from its environment: EPLB_DOMAIN, "rack3" or "fabric=f0/rack=r3", else
 * SLURM_TOPOLOGY_ADDR. Local. Fills domain and domain_rule of *info. EPLB_ERR_ARGUMENT. */
eplb_status_t eplb_rank_domain(eplb_rank_info_t *info);

/* Finds the device of this process: the rules of eplb_device_rule_t in their order, from this process's environment.
 * Local.
 *
 * EPLB_DEVICE must name one accelerator: "3", "0000:3b:00.0", "3b:00" or a UUID; a partition of a GPU by its index,
 * its UUID, or as "0000:3b:00.0/2".
 *
 * Lists of visible devices mean what the vendor's runtime makes of them:
 *   CUDA_VISIBLE_DEVICES       NVIDIA. Numbers as CUDA_DEVICE_ORDER says, where hwloc knows CUDA's order, else by PCI
 *                              bus id; UUIDs of GPUs, whole or their beginning; UUIDs of MIG devices, which are devices
 *                              of their own. The list ends at the first entry that names no device ("0,99,1" is "0",
 *                              "NoDevFiles" and "-1" are nothing); an entry that stands twice empties it.
 *   ROCR_VISIBLE_DEVICES       AMD. Numbers as RSMI has them, which count partitions (SPX, TPX, CPX), or UUIDs. It ends
 *                              at the first entry that names no device or one again.
 *   HIP_VISIBLE_DEVICES, or    AMD. They count what ROCR_VISIBLE_DEVICES leaves; empty is unset. So do numbers of
 *   CUDA_VISIBLE_DEVICES       GPU_DEVICE_ORDINAL, which is read where none of these is set.
 *   ZE_AFFINITY_MASK           Intel. A set of cards ("1"), tiles of cards ("1.0"), or with ZE_FLAT_DEVICE_HIERARCHY
 *                              FLAT or COMBINED, or neither it nor a point, of tiles ("3"); entries that name no device
 *                              are skipped.
 *   ONEAPI_DEVICE_SELECTOR     Intel. "level_zero:0,2" counts what the mask leaves; other forms are not heeded.
 *   ASCEND_RT_VISIBLE_DEVICES  Huawei. As CUDA_VISIBLE_DEVICES, numbers only.
 *   MUSA_VISIBLE_DEVICES       Moore Threads. The same.
 *   VE_NODE_NUMBER             NEC. The same.
 * A list of several devices is dealt out by local rank. A list that leaves none means no accelerator, which is noted,
 * as is an entry that is dropped. A UUID that hwloc does not know leaves the device to the local rank; it is noted,
 * too, and device.uuid is then the list's.
 *
 * Fills device, device_index, device_rule, num_accelerators and note of *info. `device` is
 * host->accelerator[device_index], but for partition and uuid where a list names a part of it. EPLB_ERR_ARGUMENT: what
 * EPLB_DEVICE names; EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info);

#endif
