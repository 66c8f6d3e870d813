/* Finds the device of a rank that shares its node with other ranks. */
#ifndef EPLB_MPI_DETECT_RANK_DEVICE_H
#define EPLB_MPI_DETECT_RANK_DEVICE_H

#include <eplb/detect.h>

/* Finds the device of this process by the rules of eplb_device_rule_t. Local. Fills device, device_index, device_rule,
 * num_accelerators and note of *info. `device` is host->accelerator[device_index], but for partition and uuid where a
 * list of visible devices names a part of it. EPLB_ERR_ARGUMENT: what EPLB_DEVICE names; EPLB_ERR_MEMORY. */
eplb_status_t eplb_rank_device(const eplb_host_t *host, int local_rank, eplb_rank_info_t *info);

/* The same for a rank that is number `place` of those of its node that have the same lists of visible devices
 * and see the same accelerators; local_rank counts all of the node. */
eplb_status_t eplb_find_device(const eplb_host_t *host, int local_rank, int place, eplb_rank_info_t *info);

#endif
