/* Which PCI devices of a host are accelerators. */
#ifndef EPLB_DETECT_ACCELERATORS_H
#define EPLB_DETECT_ACCELERATORS_H

#include <eplb/detect.h>
#include <hwloc.h>

/* Fills accelerator and num_accelerators of *host. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_find_accelerators(hwloc_topology_t topology, eplb_host_t *host);

#endif
