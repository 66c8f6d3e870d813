#include "core/memory.h"
#include "detect/accelerators.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Reads the beginning of an XML file: so that what hwloc would only refuse, or print about, is told in a sentence. */
static eplb_status_t check_xml(const char *path) {
  char head[4096];
  FILE *file = fopen(path, "rb");
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  size_t length = fread(head, 1, sizeof head - 1, file);
  int bad = ferror(file), error = errno;
  fclose(file);
  head[length] = 0;
  if (bad)
    return eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", path, strerror(error));
  const char *topology = strstr(head, "<topology");
  if (!topology)
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s has no <topology> at its beginning; expected an XML file of hwloc, as lstopo writes it", path);
  const char *version = strstr(topology, "version=\"");
  if (version && version[9] >= '3' && version[9] <= '9')
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s is an XML file of hwloc %c, which this hwloc %d cannot read; write it with "
                     "lstopo --export-xml-flags v2",
                     path, version[9], HWLOC_API_VERSION >> 16);
  return EPLB_SUCCESS;
}

/* The topology of this machine or of the file, with its I/O devices. */
static eplb_status_t load_topology(const char *xml, hwloc_topology_t *topology) {
  hwloc_topology_t t;
  if (hwloc_topology_init(&t))
    return eplb_fail(EPLB_ERR_MEMORY, "hwloc cannot make a topology: %s", strerror(errno));
  eplb_status_t status = EPLB_SUCCESS;
  if (xml && hwloc_topology_set_xml(t, xml))
    status = eplb_fail(EPLB_ERR_FORMAT, "%s is no XML file that hwloc reads", xml);
  if (!status) {
    hwloc_topology_set_io_types_filter(t, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    if (hwloc_topology_load(t))
      status = xml ? eplb_fail(EPLB_ERR_FORMAT, "%s is no whole and valid XML file of hwloc", xml)
                   : eplb_fail(EPLB_ERR_UNSUPPORTED, "hwloc cannot look at this machine: %s", strerror(errno));
  }
  if (status) {
    hwloc_topology_destroy(t);
    return status;
  }
  *topology = t;
  return EPLB_SUCCESS;
}

/* The only object of a type that the set touches: its number; -1 where there are several. */
static int only_one(hwloc_topology_t t, hwloc_obj_type_t type, hwloc_const_cpuset_t set) {
  int number = -1;
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(t, type, o));) {
    if (!hwloc_bitmap_intersects(o->cpuset, set))
      continue;
    if (number >= 0)
      return -1;
    number = (int)o->os_index;
  }
  return number;
}

static void find_binding(hwloc_topology_t t, eplb_host_t *host) {
  hwloc_bitmap_t set = hwloc_bitmap_alloc();
  if (set && !hwloc_get_cpubind(t, set, HWLOC_CPUBIND_PROCESS)) {
    host->bound_pus = hwloc_bitmap_weight(set);
    host->bound_package = only_one(t, HWLOC_OBJ_PACKAGE, set);
    host->bound_numa = only_one(t, HWLOC_OBJ_NUMANODE, set);
  }
  hwloc_bitmap_free(set);
}

static int count(hwloc_topology_t t, hwloc_obj_type_t type) {
  int number = hwloc_get_nbobjs_by_type(t, type);
  return number > 0 ? number : 0;
}

static void describe(hwloc_topology_t t, int is_this_machine, eplb_host_t *host) {
  const char *name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(t), "HostName");
  char own[HOST_NAME_MAX + 1] = "";
  if (is_this_machine)
    gethostname(own, sizeof own - 1);
  snprintf(host->name, sizeof host->name, "%s", *own ? own : name ? name : "unknown");
  host->num_packages = count(t, HWLOC_OBJ_PACKAGE);
  host->num_numa = count(t, HWLOC_OBJ_NUMANODE);
  host->num_cores = count(t, HWLOC_OBJ_CORE);
  host->num_pus = count(t, HWLOC_OBJ_PU);
  host->bound_package = host->bound_numa = -1;
  if (is_this_machine)
    find_binding(t, host);
}

eplb_status_t eplb_host_detect(const char *xml, eplb_host_t **host) {
  hwloc_topology_t topology = NULL;
  eplb_status_t status = xml ? check_xml(xml) : EPLB_SUCCESS;
  if (!status)
    status = load_topology(xml, &topology);
  if (status)
    return status;
  eplb_host_t *h = EPLB_NEW(eplb_host_t, 1);
  if (h) {
    describe(topology, xml == NULL, h);
    status = eplb_find_accelerators(topology, h);
  } else {
    status = EPLB_ERR_MEMORY;
  }
  hwloc_topology_destroy(topology);
  if (status) {
    eplb_host_destroy(&h);
    return status;
  }
  *host = h;
  return EPLB_SUCCESS;
}

void eplb_host_destroy(eplb_host_t **host) {
  if (!host || !*host)
    return;
  free((*host)->accelerator);
  free(*host);
  *host = NULL;
}
