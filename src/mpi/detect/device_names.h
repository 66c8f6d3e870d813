/* Names of one accelerator: PCI bus ids and UUIDs as users and launchers write them. */
#ifndef EPLB_MPI_DETECT_DEVICE_NAMES_H
#define EPLB_MPI_DETECT_DEVICE_NAMES_H

#include <eplb/detect.h>
#include <stddef.h>

/* Whether name[length] is the accelerator's bus id: in full, without its domain or without its function; of a
 * partitioned device also with "/" and the partition, e.g. "0001:01:00.0/2". */
int eplb_is_bus_id(const eplb_accelerator_t *accelerator, const char *name, size_t length);

/* Whether name[length] is the beginning of the accelerator's UUID, with or without its "GPU-" or "MIG-". */
int eplb_is_uuid_of(const eplb_accelerator_t *accelerator, const char *name, size_t length);

/* The same of the whole of which the accelerator is the first partition. */
int eplb_is_gpu_uuid_of(const eplb_accelerator_t *accelerator, const char *name, size_t length);

/* Whether name[length] looks like a UUID, or like the beginning of one. */
int eplb_looks_like_uuid(const char *name, size_t length);

/* Whether name[length] begins as the name of a MIG device does. */
int eplb_is_mig(const char *name, size_t length);

/* Of the older name of a MIG device, "MIG-GPU-uuid/1/0": how long "MIG-GPU-uuid" is; 0 for other names. */
size_t eplb_mig_parent_length(const char *name, size_t length);

#endif
