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
  while (o && !eplb_computes(o))
    o = next_below(device, o);
  return o;
}

/* The first of the computing devices that has this piece of information. */
static const char *find_info(hwloc_obj_t device, const char *name) {
  const char *text = NULL;
  for (hwloc_obj_t o = NULL; !text && (o = eplb_next_computing(device, o));)
    text = hwloc_obj_get_info_by_name(o, name);
  return text;
}

static const char *find_first(hwloc_obj_t device, const char *const *names) {
  const char *text = NULL;
  for (; *names && !text; names++)
    text = find_info(device, *names);
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

static void name_it(hwloc_obj_t device, eplb_accelerator_t *a) {
  static const char *const models[] = {"GPUModel", "LevelZeroBoardNumber", NULL};
  const char *vendor = eplb_vendor_name(a->vendor), *model = find_first(device, models);
  char text[43] = "";
  if (!vendor)
    vendor = hwloc_obj_get_info_by_name(device, "PCIVendor");
  if (!vendor)
    vendor = find_info(device, "GPUVendor");
  if (!model)
    model = hwloc_obj_get_info_by_name(device, "PCIDevice");
  if (model)
    copy_model(text, sizeof text, model);
  else if (find_info(device, "VectorEngineModel"))
    snprintf(text, sizeof text, "Vector Engine %s", find_info(device, "VectorEngineModel"));
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

/* hwloc counts all of these in KiB. */
static int64_t find_memory(hwloc_obj_t device) {
  static const char *const sizes[] = {"CUDAGlobalMemorySize",
                                      "RSMIVRAMSize",
                                      "LevelZeroHBMSize",
                                      "LevelZeroDDRSize",
                                      "OpenCLGlobalMemorySize",
                                      "VectorEngineMemorySize",
                                      NULL};
  const char *text = find_first(device, sizes);
  long long kibibytes = text ? strtoll(text, NULL, 10) : 0;
  return kibibytes > 0 && kibibytes < INT64_MAX / 1024 ? kibibytes * 1024 : 0;
}

void eplb_name_accelerator(hwloc_obj_t device, eplb_accelerator_t *a) {
  static const char *const uuids[] = {"NVIDIAUUID", "AMDUUID", "LevelZeroUUID", NULL};
  const char *uuid = find_first(device, uuids);
  size_t length = strlen(a->backends);
  for (hwloc_obj_t o = NULL; (o = eplb_next_computing(device, o));)
    if (length + strlen(o->name) + 2 <= sizeof a->backends)
      length += (size_t)snprintf(a->backends + length, sizeof a->backends - length, "%s%s", length ? " " : "", o->name);
  if (device->type == HWLOC_OBJ_PCI_DEVICE) {
    const struct hwloc_pcidev_attr_s *p = &device->attr->pcidev;
    a->vendor = p->vendor_id;
    a->model = p->device_id;
    snprintf(a->bus_id, sizeof a->bus_id, "%04x:%02x:%02x.%01x", (unsigned)p->domain, p->bus, p->dev, p->func);
  }
  if (uuid)
    snprintf(a->uuid, sizeof a->uuid, "%s", uuid);
  if (!a->memory)
    a->memory = find_memory(device);
  if (!a->name[0] || find_info(device, "GPUModel"))
    name_it(device, a);
}
