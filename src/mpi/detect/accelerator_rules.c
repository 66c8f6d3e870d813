#include "mpi/detect/accelerators.h"
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

/* What hwloc's backends call the devices that compute; others, such as card0 and renderD128, are there for display
 * chips, too. */
static const char *const backends[] = {"cuda", "nvml", "rsmi", "ze", "opencl", "ve", "mic"};

const char *eplb_vendor_name(uint16_t vendor) {
  for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
    if (vendors[i].vendor == vendor)
      return vendors[i].name;
  return NULL;
}

/* An OpenCL device that is the CPU itself (PoCL) is none. */
int eplb_computes(hwloc_obj_t device) {
  if (device->type != HWLOC_OBJ_OS_DEVICE || !device->name)
    return 0;
  const char *kind = hwloc_obj_get_info_by_name(device, "OpenCLDeviceType");
  if (kind && strcmp(kind, "GPU") && strcmp(kind, "Accelerator"))
    return 0;
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
    size_t length = strlen(backends[i]);
    if (!strncmp(device->name, backends[i], length) && device->name[length] >= '0' && device->name[length] <= '9')
      return 1;
  }
  return 0;
}

static int is_unread(hwloc_obj_t pci) {
  return !pci->attr->pcidev.vendor_id && !pci->attr->pcidev.device_id;
}

int eplb_count_unread_displays(hwloc_topology_t topology) {
  int count = 0;
  for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(topology, pci));)
    count += is_unread(pci) && pci->attr->pcidev.class_id >> 8 == VGA >> 8;
  return count;
}

/* No matter which of hwloc's backends are there. Servers carry display chips (class VGA) that drive no expert, so a
 * VGA device counts only if something computes on it or NVIDIA made it; where it cannot be told who did, only if
 * there are several: a board has one display chip. Secondary functions of display chips have class "other display".
 * Intel's co-processors are for cryptography, and its class "accelerator" also has FPGAs. */
int eplb_is_accelerator(hwloc_obj_t pci, int unread_displays) {
  const struct hwloc_pcidev_attr_s *p = &pci->attr->pcidev;
  unsigned base = p->class_id >> 8;
  if (eplb_next_computing(pci, NULL))
    return base == VGA >> 8 || base == ACCELERATOR || p->class_id == COPROCESSOR;
  if (is_unread(pci))
    return base == VGA >> 8 && unread_displays > 1;
  if (!eplb_vendor_name(p->vendor_id))
    return 0;
  if (p->class_id == VGA)
    return p->vendor_id == NVIDIA;
  if (p->class_id == COPROCESSOR || base == ACCELERATOR)
    return p->vendor_id != INTEL;
  return p->class_id == DISPLAY_3D || (p->class_id == DISPLAY_OTHER && p->func == 0);
}
