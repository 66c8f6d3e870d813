/* How `eplb topo` describes a host. */
#ifndef EPLB_TOOLS_TOPO_TOPO_HOST_H
#define EPLB_TOOLS_TOPO_TOPO_HOST_H

#include <eplb/detect.h>

/* "0000:3b:00.0", of a partition "0000:3b:00.0/2", of a MIG device or without PCI device its UUID, or "-"; in `name`. */
enum { TOPO_DEVICE_MAX = EPLB_UUID_MAX };
const char *topo_device(const eplb_accelerator_t *accelerator, char name[TOPO_DEVICE_MAX]);

/* Packages, NUMA nodes, cores and accelerators, on the rest of a line. */
void topo_print_parts(const eplb_host_t *host);

/* How its accelerators are linked, as a line of its own behind `indent` blanks; nothing where they are not. */
void topo_print_links(const eplb_host_t *host, int indent);

/* A host of which nothing but itself is known. */
void topo_print_host(const eplb_host_t *host, const char *declared_by);

/* Whether two hosts have the same processors and accelerators in the same places. */
int topo_same_hardware(const eplb_host_t *a, const eplb_host_t *b);

#endif
