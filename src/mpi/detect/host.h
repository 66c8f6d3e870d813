/* Describes a host from an XML document that is in memory. */
#ifndef EPLB_MPI_DETECT_HOST_H
#define EPLB_MPI_DETECT_HOST_H

#include <eplb/detect.h>

/* As eplb_host_detect, of an XML document in memory, which messages call `name`. Local. */
eplb_status_t eplb_host_from_xml(const char *name, const char *xml, size_t length, eplb_host_t **host);

#endif
