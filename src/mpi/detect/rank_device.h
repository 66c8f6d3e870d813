/* Finds the device of a rank that shares its node with other ranks. */
#ifndef EPLB_MPI_DETECT_RANK_DEVICE_H
#define EPLB_MPI_DETECT_RANK_DEVICE_H

#include <eplb/detect.h>

/* eplb_rank_device for a rank that is number `place` of those of its node that have the same lists of visible devices
 * and see the same accelerators; local_rank counts all of the node. */
eplb_status_t eplb_find_device(const eplb_host_t *host, int local_rank, int place, eplb_rank_info_t *info);

#endif
