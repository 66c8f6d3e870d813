/* Checks an hwloc XML document before hwloc reads it, because hwloc only says that it failed. */
#include "mpi/detect/xml.h"
#include <hwloc.h>
#include <string.h>

eplb_status_t eplb_check_xml(const char *name, const char *text, size_t length) {
  if (length == 0)
    return eplb_fail(EPLB_ERR_FORMAT, "%s is empty; expected an XML file of hwloc, as lstopo writes it", name);
  const char *topology = strstr(text, "<topology");
  if (!topology || topology > text + 4096)
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s has no <topology> at its beginning; expected an XML file of hwloc, as lstopo writes it", name);
  const char *end = strchr(topology, '>'), *version = strstr(topology, "version=\"");
  if (version && end && version < end && version[9] >= '3' && version[9] <= '9')
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s is an XML file of hwloc %c, which this hwloc %d cannot read; write it with "
                     "lstopo --export-xml-flags v2",
                     name, version[9], HWLOC_API_VERSION >> 16);
  if (!strstr(topology, "</topology>"))
    return eplb_fail(EPLB_ERR_FORMAT, "%s is cut short: it has no </topology> at its end", name);
  return EPLB_SUCCESS;
}
