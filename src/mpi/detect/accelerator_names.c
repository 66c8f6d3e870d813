/* Names, UUIDs and memory of an accelerator, from what hwloc's backends say of its OS devices. */
#include "mpi/detect/accelerators.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The object after `o` in the I/O devices at and below `top`, parents first. */
static hwloc_obj_t next_below(hwloc_obj_t top, hwloc_obj_t o) {
  if (o->io_first_child)
    return o->io_first_child;
  while (o != top && !o->next_sibling)
    o = o->parent;
  return o == top ? NULL : o->next_sibling;
}

hwloc_obj_t eplb_next_computing(hwloc_obj_t device, hwloc_obj_t last) {
  hwloc_obj_t o = last ? next_below(device, last) : device;
  while (o && !eplb_backend_of(o))
    o = next_below(device, o);
  return o;
}

/* What is named: a PCI device, or one of its partitions, or an OS device without a PCI device. */
typedef struct named {
  hwloc_obj_t device;
  int partition; /* -1: all of it */
} named_t;

/* Whether an OS device shows what is named and nothing else. */
static int shows(const named_t *n, hwloc_obj_t os) {
  return n->partition < 0 || eplb_partition_of(n->device, os) == n->partition;
}

/* The first of the OS devices that shows this and has this piece of information. */
static const char *find_own(const named_t *n, const char *name) {
  const char *text = NULL;
  for (hwloc_obj_t o = NULL; !text && (o = eplb_next_computing(n->device, o));)
    text = shows(n, o) ? hwloc_obj_get_info_by_name(o, name) : NULL;
  return text;
}

/* The same of those that show the whole device. */
static const char *find_whole(const named_t *n, const char *name) {
  const char *text = NULL;
  for (hwloc_obj_t o = NULL; !text && (o = eplb_next_computing(n->device, o));)
    text = eplb_partition_of(n->device, o) < 0 ? hwloc_obj_get_info_by_name(o, name) : NULL;
  return text;
}

/* What is not said of a partition is said of the whole. */
static const char *find_info(const named_t *n, const char *name) {
  const char *text = find_own(n, name);
  return text ? text : find_whole(n, name);
}

static const char *find_any(const named_t *n, const char *(*find)(const named_t *, const char *),
                            const char *const *names) {
  const char *text = NULL;
  for (; *names && !text; names++)
    text = find(n, *names);
  return text;
}

/* PCI's lists say "GA100 [A100 SXM4 40GB]": people know what stands in brackets. */
static void copy_model(char *to, size_t size, const char *model) {
  const char *open = strchr(model, '['), *close = open ? strchr(open, ']') : NULL;
  if (close && close > open + 1)
    snprintf(to, size, "%.*s", (int)(close - open - 1), open + 1);
  else
    snprintf(to, size, "%s%s", strncmp(model, "deon ", 5) ? "" : "Ra", model); /* rocm_smi cuts "Radeon" short */
}

static void name_it(const named_t *n, eplb_accelerator_t *a) {
  static const char *const models[] = {"GPUModel", "LevelZeroBoardNumber", NULL};
  const char *vendor = eplb_vendor_name(a->vendor), *model = find_any(n, find_info, models);
  char text[43] = "";
  if (!vendor)
    vendor = hwloc_obj_get_info_by_name(n->device, "PCIVendor");
  if (!vendor)
    vendor = find_info(n, "GPUVendor");
  if (!model)
    model = hwloc_obj_get_info_by_name(n->device, "PCIDevice");
  if (model)
    copy_model(text, sizeof text, model);
  else if (find_info(n, "VectorEngineModel"))
    snprintf(text, sizeof text, "Vector Engine %s", find_info(n, "VectorEngineModel"));
  snprintf(a->vendor_name, sizeof a->vendor_name, "%s", vendor ? vendor : "");
  if (text[0] && vendor && !strcasestr(text, vendor))
    snprintf(a->name, sizeof a->name, "%.20s %s", vendor, text);
  else if (text[0])
    snprintf(a->name, sizeof a->name, "%s", text);
  else if (a->vendor || a->model)
    snprintf(a->name, sizeof a->name, "%.20s %04x:%04x", vendor ? vendor : "PCI", a->vendor, a->model);
  else
    snprintf(a->name, sizeof a->name, "%s", vendor ? vendor : "unknown GPU");
}

/* hwloc counts all of these in KiB. Partitions share what is only known of the whole. */
static int64_t find_memory(const named_t *n, int num_partitions) {
  static const char *const sizes[] = {"CUDAGlobalMemorySize",
                                      "RSMIVRAMSize",
                                      "LevelZeroHBMSize",
                                      "LevelZeroDDRSize",
                                      "OpenCLGlobalMemorySize",
                                      "VectorEngineMemorySize",
                                      NULL};
  const char *own = find_any(n, find_own, sizes), *text = own ? own : find_any(n, find_info, sizes);
  long long kibibytes = text ? strtoll(text, NULL, 10) : 0;
  if (!own && num_partitions)
    kibibytes /= num_partitions;
  return kibibytes > 0 && kibibytes < INT64_MAX / 1024 ? kibibytes * 1024 : 0;
}

static void list_backends(const named_t *n, eplb_accelerator_t *a) {
  size_t length = strlen(a->backends);
  for (hwloc_obj_t o = NULL; (o = eplb_next_computing(n->device, o));) {
    if (!a->vendor)
      a->vendor = eplb_backend_of(o)->vendor;
    if (shows(n, o) && length + strlen(o->name) + 2 <= sizeof a->backends)
      length += (size_t)snprintf(a->backends + length, sizeof a->backends - length, "%s%s", length ? " " : "", o->name);
  }
}

void eplb_name_accelerator(hwloc_obj_t device, eplb_accelerator_t *a) {
  static const char *const uuids[] = {"NVIDIAUUID", "AMDUUID", "LevelZeroUUID", NULL};
  const named_t n = {device, a->num_partitions ? a->partition : -1};
  const char *uuid = find_any(&n, find_own, uuids);
  if (device->type == HWLOC_OBJ_PCI_DEVICE) {
    const struct hwloc_pcidev_attr_s *p = &device->attr->pcidev;
    a->vendor = p->vendor_id;
    a->model = p->device_id;
    snprintf(a->bus_id, sizeof a->bus_id, "%04x:%02x:%02x.%01x", (unsigned)p->domain, p->bus, p->dev, p->func);
  }
  list_backends(&n, a);
  if (uuid)
    snprintf(a->uuid, sizeof a->uuid, "%s", uuid);
  const char *whole = a->num_partitions ? find_any(&n, find_whole, uuids) : NULL;
  if (whole)
    snprintf(a->gpu_uuid, sizeof a->gpu_uuid, "%s", whole);
  if (!a->memory)
    a->memory = find_memory(&n, a->num_partitions);
  if (!a->name[0] || find_info(&n, "GPUModel"))
    name_it(&n, a);
}

int eplb_has_backend(const eplb_accelerator_t *a, const char *name) {
  size_t length = strlen(name);
  for (const char *at = a->backends; (at = strstr(at, name)); at += length)
    if ((at == a->backends || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
      return 1;
  return 0;
}
