/* Which I/O devices count as accelerators: by PCI vendor and class, and by the hwloc backends that show them. */
#include "mpi/detect/accelerators.h"
#include <stdlib.h>
#include <string.h>

/* Who makes accelerators, by PCI vendor. */
static const struct {
  uint16_t vendor;
  const char *name;
} vendors[] = {
    {EPLB_VENDOR_NVIDIA, "NVIDIA"},
    {EPLB_VENDOR_AMD, "AMD"},
    {EPLB_VENDOR_INTEL, "Intel"},
    {EPLB_VENDOR_NEC, "NEC"},
    {EPLB_VENDOR_HUAWEI, "Huawei"},
    {EPLB_VENDOR_MOORE_THREADS, "Moore Threads"},
    {0x1da3, "Habana"},
    {0x1e52, "Tenstorrent"},
    {0x1ae0, "Google"},
    {0x1d0f, "Amazon"},
};

/* PCI classes. */
enum { VGA = 0x0300, DISPLAY_3D = 0x0302, DISPLAY_OTHER = 0x0380, COPROCESSOR = 0x0b40, ACCELERATOR = 0x12 };

/* hwloc's backends that show devices which compute; others, such as card0 and renderD128, are there for display chips,
 * too. NVML and RSMI show all devices that the process may open, whatever its list of visible devices says. */
static const eplb_backend_t backends[] = {
    {"nvml", EPLB_VENDOR_NVIDIA, NULL},
    {"cuda", EPLB_VENDOR_NVIDIA, "CUDA_VISIBLE_DEVICES"},
    {"rsmi", EPLB_VENDOR_AMD, NULL},
    {"ze", EPLB_VENDOR_INTEL, "ZE_AFFINITY_MASK"},
    {"ve", EPLB_VENDOR_NEC, NULL},
    {"mic", 0, NULL},
    {"opencl", 0, NULL},
};

const char *eplb_vendor_name(uint16_t vendor) {
  for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
    if (vendors[i].vendor == vendor)
      return vendors[i].name;
  return NULL;
}

/* An OpenCL device that is the CPU itself (PoCL) is none. */
const eplb_backend_t *eplb_backend_of(hwloc_obj_t device) {
  if (device->type != HWLOC_OBJ_OS_DEVICE || !device->name)
    return NULL;
  const char *kind = hwloc_obj_get_info_by_name(device, "OpenCLDeviceType");
  if (kind && strcmp(kind, "GPU") && strcmp(kind, "Accelerator"))
    return NULL;
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
    size_t length = strlen(backends[i].name);
    if (!strncmp(device->name, backends[i].name, length) && device->name[length] >= '0' && device->name[length] <= '9')
      return &backends[i];
  }
  return NULL;
}

int eplb_has_visible_list(void) {
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
    if (backends[i].variable && getenv(backends[i].variable))
      return 1;
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

/* Does not depend on which backends hwloc has. Servers carry display chips (class VGA) that drive no expert, so a VGA
 * device counts only if a computing backend shows it or NVIDIA made it; if the vendor is unknown, only if there are
 * several: a board has one display chip. Secondary functions of display chips have class "other display". Intel's
 * co-processors are for cryptography, and its class "accelerator" also has FPGAs. */
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
    return p->vendor_id == EPLB_VENDOR_NVIDIA;
  if (p->class_id == COPROCESSOR || base == ACCELERATOR)
    return p->vendor_id != EPLB_VENDOR_INTEL;
  return p->class_id == DISPLAY_3D || (p->class_id == DISPLAY_OTHER && p->func == 0);
}
