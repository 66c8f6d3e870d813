/* Checks an XML document before hwloc reads it, to give an error sentence where hwloc only fails or prints. */
#ifndef EPLB_MPI_DETECT_XML_H
#define EPLB_MPI_DETECT_XML_H

#include <eplb/status.h>
#include <stddef.h>

/* Whether text[length], with a zero after it, looks like an XML document that this hwloc reads. Local.
 * EPLB_ERR_FORMAT. */
eplb_status_t eplb_check_xml(const char *name, const char *text, size_t length);

#endif
