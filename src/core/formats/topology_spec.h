/* A topology as a short text. */
#ifndef EPLB_CORE_FORMATS_TOPOLOGY_SPEC_H
#define EPLB_CORE_FORMATS_TOPOLOGY_SPEC_H

#include <eplb/topology.h>

/* Whether it is one rather than a path: it starts with letters and "=". */
int eplb_is_topology_spec(const char *text);

/* See eplb_topology_read. EPLB_ERR_FORMAT, EPLB_ERR_ARGUMENT, EPLB_ERR_MEMORY. */
eplb_status_t eplb_topology_parse_spec(const char *text, int default_slots, eplb_topology_t **topology);

#endif
