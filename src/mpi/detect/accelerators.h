/* Which I/O devices of a host are accelerators, what they are called, and how they are linked. */
#ifndef EPLB_MPI_DETECT_ACCELERATORS_H
#define EPLB_MPI_DETECT_ACCELERATORS_H

#include <eplb/detect.h>
#include <hwloc.h>

/* accelerator_rules.c: by PCI class and vendor and by hwloc's OS devices. */

/* The vendor's short name; NULL if it makes no accelerators. */
const char *eplb_vendor_name(uint16_t vendor);

/* Whether an OS device is one that computes. */
int eplb_computes(hwloc_obj_t device);

/* Whether a PCI device is an accelerator; unread_displays: see eplb_count_unread_displays. */
int eplb_is_accelerator(hwloc_obj_t pci, int unread_displays);

/* How many display devices there are whose PCI numbers could not be read. */
int eplb_count_unread_displays(hwloc_topology_t topology);

/* accelerator_names.c: fills vendor, model, names, backends, UUID and memory from a PCI device and the OS devices
 * below it, or from an OS device without one. */
void eplb_name_accelerator(hwloc_obj_t device, eplb_accelerator_t *accelerator);

/* The next OS device at or below `device` that computes, after `last` or, with NULL, the first; NULL at the end. */
hwloc_obj_t eplb_next_computing(hwloc_obj_t device, hwloc_obj_t last);

/* accelerators.c: fills all about accelerators in *host but their links. Local. *object gets the hwloc object of
 * each, which the caller frees. EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_accelerators(hwloc_topology_t topology, eplb_host_t *host, hwloc_obj_t **object);

/* links.c: fills bandwidth and link_name of *host and the islands of its accelerators. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_links(hwloc_topology_t topology, eplb_host_t *host, const hwloc_obj_t *object);

#endif
