/* Which I/O devices of a host are accelerators, what they are called, and how they are linked. */
#ifndef EPLB_MPI_DETECT_ACCELERATORS_H
#define EPLB_MPI_DETECT_ACCELERATORS_H

#include <eplb/detect.h>
#include <hwloc.h>

/* PCI vendors with rules of their own. */
enum {
  EPLB_VENDOR_NVIDIA = 0x10de,
  EPLB_VENDOR_AMD = 0x1002,
  EPLB_VENDOR_INTEL = 0x8086,
  EPLB_VENDOR_NEC = 0x1bcf,
  EPLB_VENDOR_HUAWEI = 0x19e5,
  EPLB_VENDOR_MOORE_THREADS = 0x1ed5
};

/* One of hwloc's backends that shows devices which compute. */
typedef struct eplb_backend {
  const char *name;     /* its devices are this and a number */
  uint16_t vendor;      /* whose library it asks; 0: any vendor's */
  const char *variable; /* list of visible devices that this library obeys; NULL: none */
} eplb_backend_t;

/* accelerator_rules.c: by PCI class and vendor and by hwloc's OS devices. */

/* The vendor's short name; NULL if it makes no accelerators. */
const char *eplb_vendor_name(uint16_t vendor);

/* The backend that shows an OS device; NULL if the device does not compute. */
const eplb_backend_t *eplb_backend_of(hwloc_obj_t device);

/* Whether a PCI device is an accelerator; unread_displays: see eplb_count_unread_displays. */
int eplb_is_accelerator(hwloc_obj_t pci, int unread_displays);

/* How many display devices there are whose PCI numbers could not be read. */
int eplb_count_unread_displays(hwloc_topology_t topology);

/* Whether this process has a list of visible devices that one of the backends obeys. Reads the environment. */
int eplb_has_visible_list(void);

/* partitions.c: the parts of a PCI device. */

/* How many accelerators the vendor's runtime makes of a PCI device; 0: it is one, not partitioned. `narrowed`: see
 * eplb_host_t. Reads ZE_FLAT_DEVICE_HIERARCHY. */
int eplb_count_partitions(hwloc_obj_t pci, int narrowed);

/* The partition that an OS device shows; -1: it shows the whole device. */
int eplb_partition_of(hwloc_obj_t pci, hwloc_obj_t os);

/* accelerator_names.c: fills vendor, model, names, backends, UUID and memory from a PCI device and those OS devices
 * below it that show accelerator->partition (all, if it is not partitioned), or from an OS device without a PCI
 * device. */
void eplb_name_accelerator(hwloc_obj_t device, eplb_accelerator_t *accelerator);

/* The next OS device at or below `device` that computes, after `last` or, with NULL, the first; NULL at the end. */
hwloc_obj_t eplb_next_computing(hwloc_obj_t device, hwloc_obj_t last);

/* Whether accelerator->backends has this name. */
int eplb_has_backend(const eplb_accelerator_t *accelerator, const char *name);

/* accelerators.c: fills all about accelerators in *host but their links. Local. *object gets the hwloc object of
 * each, which the caller frees. EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_accelerators(hwloc_topology_t topology, eplb_host_t *host, hwloc_obj_t **object);

/* links.c: fills bandwidth and link_name of *host and the islands of its accelerators. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_links(hwloc_topology_t topology, eplb_host_t *host, const hwloc_obj_t *object);

#endif
