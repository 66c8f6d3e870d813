/* Describes this host, an XML file of hwloc's, or a synthetic description: packages, NUMA nodes, processing units,
 * accelerators, links. */
#include "mpi/detect/host.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/detect/accelerators.h"
#include "mpi/detect/kfd.h"
#include "mpi/detect/nvml.h"
#include "mpi/detect/trial.h"
#include "mpi/detect/xml.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a whole file, with a zero after it; the caller frees *text. */
static eplb_status_t read_xml_file(const char *path, char **text, size_t *length) {
  enum { BLOCK = 1 << 18, MOST = 1 << 28 };
  FILE *file = fopen(path, "rb");
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  char *all = NULL;
  size_t size = 0, got = 0;
  eplb_status_t status = EPLB_SUCCESS;
  do {
    char *grown = eplb_grow(all, size + BLOCK + 1, 1);
    if (!grown) {
      status = EPLB_ERR_MEMORY;
      break;
    }
    all = grown;
    got = fread(all + size, 1, BLOCK, file);
    size += got;
  } while (got == BLOCK && size < MOST);
  if (!status && ferror(file))
    status = eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", path, strerror(errno));
  if (!status && size >= MOST)
    status =
        eplb_fail(EPLB_ERR_FORMAT, "%s is larger than %s; no machine's XML file is", path, eplb_count(MOST, "byte"));
  fclose(file);
  if (status) {
    free(all);
    return status;
  }
  all[size] = 0;
  *text = all;
  *length = size;
  return EPLB_SUCCESS;
}

/* Where each processing unit is. A NUMA node without processors, as GPUs' memory is, has none; of several that share
 * processors the first counts. */
static eplb_status_t place_pus(hwloc_topology_t t, eplb_host_t *host) {
  enum { MOST_PUS = 1 << 20 };
  hwloc_const_bitmap_t all = hwloc_topology_get_complete_cpuset(t);
  int last = hwloc_bitmap_last(all);
  if (last < 0 || last >= MOST_PUS)
    return eplb_fail(EPLB_ERR_FORMAT, "the last processing unit of %s is number %d; expected 0 to %d", host->name, last,
                     MOST_PUS - 1);
  host->num_pu_numbers = last + 1;
  host->pu_package = EPLB_NEW(int32_t, last + 1);
  host->pu_numa = EPLB_NEW(int32_t, last + 1);
  if (!host->pu_package || !host->pu_numa)
    return EPLB_ERR_MEMORY;
  for (int p = 0; p <= last; p++)
    host->pu_package[p] = host->pu_numa[p] = -1;
  int pu;
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_PACKAGE, o));)
    hwloc_bitmap_foreach_begin(pu, o->cpuset) {
      if (pu <= last)
        host->pu_package[pu] = (int32_t)o->os_index;
    }
  hwloc_bitmap_foreach_end();
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, o));)
    hwloc_bitmap_foreach_begin(pu, o->cpuset) {
      if (pu <= last && host->pu_numa[pu] < 0)
        host->pu_numa[pu] = (int32_t)o->os_index;
    }
  hwloc_bitmap_foreach_end();
  return EPLB_SUCCESS;
}

static int count_objects(hwloc_topology_t t, hwloc_obj_type_t type) {
  int number = hwloc_get_nbobjs_by_type(t, type);
  return number > 0 ? number : 0;
}

/* NVML knows this machine, not one that hwloc reads from a file; tests have both from files. */
static int asks_nvml(hwloc_topology_t t, const eplb_host_t *host) {
  return !host->declared && hwloc_topology_is_thissystem(t) &&
         (!getenv("HWLOC_XMLFILE") || secure_getenv("EPLB_NVML_LIBRARY"));
}

static eplb_status_t describe_host(hwloc_topology_t t, eplb_host_t *host) {
  const char *name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(t), "HostName");
  char own[HOST_NAME_MAX + 1] = "";
  if (!host->declared)
    gethostname(own, sizeof own - 1);
  snprintf(host->name, sizeof host->name, "%s", *own ? own : name ? name : "unknown");
  host->num_packages = count_objects(t, HWLOC_OBJ_PACKAGE);
  host->num_numa = count_objects(t, HWLOC_OBJ_NUMANODE);
  host->num_cores = count_objects(t, HWLOC_OBJ_CORE);
  host->num_pus = count_objects(t, HWLOC_OBJ_PU);
  if (host->num_pus < 1)
    return eplb_fail(EPLB_ERR_FORMAT, "%s has no processing unit; expected a whole machine", host->name);
  eplb_status_t status = place_pus(t, host);
  hwloc_obj_t *object = NULL;
  if (!status)
    status = eplb_find_accelerators(t, host, &object);
  if (!status && asks_nvml(t, host))
    status = eplb_ask_nvml(host, &object);
  if (!status && !host->declared && hwloc_topology_is_thissystem(t) && !getenv("HWLOC_XMLFILE"))
    status = eplb_ask_kfd(EPLB_KFD_NODES, host, &object);
  if (!status)
    status = eplb_find_links(t, host, object);
  free(object);
  return status;
}

/* Loads what the topology is set to be, and takes it away. */
static eplb_status_t load_topology(hwloc_topology_t t, const char *declared, eplb_host_t **host) {
  eplb_status_t status = EPLB_SUCCESS;
  eplb_host_t *h = NULL;
  hwloc_topology_set_io_types_filter(t, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  hwloc_topology_set_type_filter(t, HWLOC_OBJ_PCI_DEVICE, HWLOC_TYPE_FILTER_KEEP_ALL);
  hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED); /* other ranks may use what this one may not */
  if (hwloc_topology_load(t))
    status = declared ? eplb_fail(EPLB_ERR_FORMAT, "%s is not a complete and valid XML file of hwloc", declared)
                      : eplb_fail(EPLB_ERR_UNSUPPORTED, "hwloc cannot detect this machine: %s", strerror(errno));
  if (!status && !(h = EPLB_NEW(eplb_host_t, 1)))
    status = EPLB_ERR_MEMORY;
  if (!status) {
    h->declared = declared != NULL;
    h->narrowed = !declared && hwloc_topology_is_thissystem(t) && !getenv("HWLOC_XMLFILE") && eplb_has_visible_list();
    status = describe_host(t, h);
  }
  hwloc_topology_destroy(t);
  if (status) {
    eplb_host_destroy(&h);
    return status;
  }
  *host = h;
  return EPLB_SUCCESS;
}

static eplb_status_t new_topology(hwloc_topology_t *t) {
  return hwloc_topology_init(t) ? eplb_fail(EPLB_ERR_MEMORY, "hwloc cannot make a topology: %s", strerror(errno))
                                : EPLB_SUCCESS;
}

/* An XML document with a zero after it, as hwloc wants it. */
typedef struct document {
  const char *name, *text;
  size_t length;
} document_t;

static eplb_status_t host_of_document(const document_t *d, eplb_host_t **host) {
  hwloc_topology_t t;
  eplb_status_t status = new_topology(&t);
  if (status)
    return status;
  if (!hwloc_topology_set_xmlbuffer(t, d->text, (int)d->length + 1))
    return load_topology(t, d->name, host);
  hwloc_topology_destroy(t);
  return eplb_fail(EPLB_ERR_FORMAT, "%s is not an XML file that hwloc can read", d->name);
}

static eplb_status_t try_document(void *document) {
  eplb_host_t *host = NULL;
  eplb_status_t status = host_of_document(document, &host);
  eplb_host_destroy(&host);
  return status;
}

/* hwloc trusts the sets in its files and crashes where they do not go together: another process tries first. So
 * hwloc also leaks there what it leaks when it refuses a file. */
eplb_status_t eplb_host_from_xml(const char *name, const char *xml, size_t length, eplb_host_t **host) {
  if (!name || !xml || !host || length >= INT_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "an XML document of %s needs a name and a host, and less than 2 GiB",
                     eplb_count(length, "byte"));
  char *copy = EPLB_NEW(char, length + 1);
  if (!copy)
    return EPLB_ERR_MEMORY;
  document_t document = {name, memcpy(copy, xml, length), length};
  eplb_status_t status = eplb_check_xml(name, copy, length);
  if (!status && (status = eplb_try(try_document, &document)) == EPLB_ERR_INTERNAL)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s is not a valid XML file of hwloc: reading it makes hwloc crash", name);
  if (!status)
    status = host_of_document(&document, host);
  free(copy);
  return status;
}

static eplb_status_t from_synthetic(const char *description, eplb_host_t **host) {
  hwloc_topology_t t;
  eplb_status_t status = new_topology(&t);
  if (status)
    return status;
  if (!hwloc_topology_set_synthetic(t, description))
    return load_topology(t, description, host);
  hwloc_topology_destroy(t);
  return eplb_fail(
      EPLB_ERR_FORMAT,
      "\"%s\" is not a synthetic description of hwloc; expected one such as \"package:2 numa:1 core:4 pu:1\"",
      description);
}

/* The name of a file, or a synthetic description: a text with a colon that is no file's name. */
static eplb_status_t from_declared(const char *declared, eplb_host_t **host) {
  char *xml = NULL;
  size_t length = 0;
  if (strchr(declared, ':') && access(declared, F_OK))
    return from_synthetic(declared, host);
  eplb_status_t status = read_xml_file(declared, &xml, &length);
  if (!status)
    status = eplb_host_from_xml(declared, xml, length, host);
  free(xml);
  return status;
}

eplb_status_t eplb_host_detect(const char *declared, eplb_host_t **host) {
  hwloc_topology_t t;
  if (!host)
    return eplb_fail(EPLB_ERR_ARGUMENT, "host is NULL");
  if (declared)
    return from_declared(declared, host);
  eplb_status_t status = new_topology(&t);
  return status ? status : load_topology(t, NULL, host);
}

void eplb_host_destroy(eplb_host_t **host) {
  if (!host || !*host)
    return;
  free((*host)->pu_package);
  free((*host)->pu_numa);
  free((*host)->accelerator);
  free((*host)->bandwidth);
  free(*host);
  *host = NULL;
}
