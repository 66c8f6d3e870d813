#include "detect/accelerators.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

/* Who makes accelerators, by PCI vendor. */
static const struct {
  uint16_t vendor;
  const char *name;
} vendors[] = {
    {0x10de, "NVIDIA"},      {0x1002, "AMD"},    {0x8086, "Intel"},  {0x1bcf, "NEC"},           {0x1da3, "Habana"},
    {0x1e52, "Tenstorrent"}, {0x19e5, "Huawei"}, {0x1ae0, "Google"}, {0x1ed5, "Moore Threads"}, {0x1d0f, "Amazon"},
};
enum { NVIDIA = 0x10de, INTEL = 0x8086 };

/* PCI classes. */
enum { VGA = 0x0300, DISPLAY_3D = 0x0302, DISPLAY_OTHER = 0x0380, COPROCESSOR = 0x0b40, ACCELERATOR = 0x12 };

/* What hwloc's backends call the devices that compute; others, such as card0 and renderD128, are there for display chips, too. */
static const char *const backends[] = {"cuda", "nvml", "rsmi", "ze", "opencl", "ve"};

static const char *vendor_name(uint16_t vendor) {
  for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
    if (vendors[i].vendor == vendor)
      return vendors[i].name;
  return NULL;
}

/* Whether an OS device is one that computes. An OpenCL device that is the CPU itself is none. */
static int computes(hwloc_obj_t device) {
  if (device->type != HWLOC_OBJ_OS_DEVICE || !device->name)
    return 0;
  const char *kind = hwloc_obj_get_info_by_name(device, "OpenCLDeviceType");
  if (kind && !strcmp(kind, "CPU"))
    return 0;
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
    size_t length = strlen(backends[i]);
    if (!strncmp(device->name, backends[i], length) && device->name[length] >= '0' && device->name[length] <= '9')
      return 1;
  }
  return 0;
}

static int has_computing_device(hwloc_obj_t pci) {
  for (hwloc_obj_t child = pci->io_first_child; child; child = child->next_sibling)
    if (computes(child))
      return 1;
  return 0;
}

/* By class and vendor: no matter which of hwloc's backends are there. Servers carry display chips (class VGA) that drive no expert, so
 * a VGA device counts only if something computes on it or NVIDIA made it. Intel's co-processors are for cryptography. */
static int is_accelerator(hwloc_obj_t pci) {
  uint16_t class = pci->attr->pcidev.class_id, vendor = pci->attr->pcidev.vendor_id;
  if (has_computing_device(pci))
    return class >> 8 == VGA >> 8 || class >> 8 == ACCELERATOR || class == COPROCESSOR;
  if (class == VGA)
    return vendor == NVIDIA;
  if (class == COPROCESSOR)
    return vendor_name(vendor) && vendor != INTEL;
  return (class == DISPLAY_3D || class == DISPLAY_OTHER || class >> 8 == ACCELERATOR) && vendor_name(vendor);
}

/* The NUMA node that it is nearest to: that of the first processors it hangs under; unknown where those are all of several. */
static int nearest_numa(hwloc_topology_t t, hwloc_obj_t pci) {
  hwloc_obj_t parent = hwloc_get_non_io_ancestor_obj(t, pci);
  if (!parent || !parent->nodeset || (parent->depth == 0 && hwloc_bitmap_weight(parent->nodeset) > 1))
    return -1;
  return hwloc_bitmap_first(parent->nodeset);
}

/* The first of the OS devices below that has this piece of information. */
static const char *find_info(hwloc_obj_t pci, const char *name) {
  const char *text = NULL;
  for (hwloc_obj_t child = pci->io_first_child; child && !text; child = child->next_sibling)
    if (computes(child))
      text = hwloc_obj_get_info_by_name(child, name);
  return text;
}

static void name_it(hwloc_obj_t pci, eplb_accelerator_t *a) {
  const char *vendor = vendor_name(a->vendor), *model = find_info(pci, "GPUModel");
  if (!vendor)
    vendor = hwloc_obj_get_info_by_name(pci, "PCIVendor");
  if (!model)
    model = hwloc_obj_get_info_by_name(pci, "PCIDevice");
  if (model && vendor && !strcasestr(model, vendor))
    snprintf(a->name, sizeof a->name, "%s %s", vendor, model);
  else if (model)
    snprintf(a->name, sizeof a->name, "%s", model);
  else
    snprintf(a->name, sizeof a->name, "%s %04x:%04x", vendor ? vendor : "PCI", a->vendor, a->model);
}

static void list_backends(hwloc_obj_t pci, eplb_accelerator_t *a) {
  size_t length = 0;
  for (hwloc_obj_t child = pci->io_first_child; child; child = child->next_sibling) {
    if (!computes(child) || length + strlen(child->name) + 2 > sizeof a->backends)
      continue;
    length +=
        (size_t)snprintf(a->backends + length, sizeof a->backends - length, "%s%s", length ? " " : "", child->name);
  }
}

static void describe(hwloc_topology_t t, hwloc_obj_t pci, eplb_accelerator_t *a) {
  const struct hwloc_pcidev_attr_s *p = &pci->attr->pcidev;
  const char *nvidia = find_info(pci, "NVIDIAUUID"), *amd = find_info(pci, "AMDUUID");
  a->vendor = p->vendor_id;
  a->model = p->device_id;
  a->numa = nearest_numa(t, pci);
  snprintf(a->bus_id, sizeof a->bus_id, "%04x:%02x:%02x.%01x", p->domain & 0xffff, p->bus, p->dev, p->func);
  snprintf(a->uuid, sizeof a->uuid, "%s", nvidia ? nvidia : amd ? amd : "");
  name_it(pci, a);
  list_backends(pci, a);
}

static int by_bus_id(const void *a, const void *b) {
  return strcmp(((const eplb_accelerator_t *)a)->bus_id, ((const eplb_accelerator_t *)b)->bus_id);
}

eplb_status_t eplb_find_accelerators(hwloc_topology_t topology, eplb_host_t *host) {
  int count = 0;
  for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(topology, pci));)
    count += is_accelerator(pci);
  host->accelerator = EPLB_NEW(eplb_accelerator_t, count);
  if (!host->accelerator)
    return EPLB_ERR_MEMORY;
  for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(topology, pci));)
    if (is_accelerator(pci))
      describe(topology, pci, &host->accelerator[host->num_accelerators++]);
  qsort(host->accelerator, (size_t)count, sizeof *host->accelerator, by_bus_id);
  return EPLB_SUCCESS;
}
