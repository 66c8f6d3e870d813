/* A host, from an XML document. */
#ifndef EPLB_MPI_DETECT_HOST_H
#define EPLB_MPI_DETECT_HOST_H

#include <eplb/detect.h>

/* The same of an XML document in memory, which messages call `name`. Local. Documents that make hwloc crash are
 * found out by a child process, so do not call these two with XML between MPI_Init and MPI_Finalize where MPI
 * forbids to fork. */
eplb_status_t eplb_host_from_xml(const char *name, const char *xml, size_t length, eplb_host_t **host);

#endif
