/* The parts of a PCI device: a vendor's runtime may show one GPU as several devices. hwloc then has several OS devices
 * of one backend below the PCI device (rsmi0 to rsmi5, ze0 and ze1), or, where Level Zero shows whole cards, their
 * tiles as ze0.0 and ze0.1. */
#include "mpi/detect/accelerators.h"
#include <stdlib.h>
#include <string.h>

/* Intel's GPUs with several tiles. Level Zero shows each tile as a device unless it is configured to show cards; this
 * table has the number of tiles if hwloc does not know it. */
static const struct {
  uint16_t model;
  int tiles;
} tiled[] = {{0x0bd5, 2}, {0x0bd6, 2}, {0x0bd7, 2}, {0x0bd8, 2}};

static int shows_cards(void) {
  const char *hierarchy = getenv("ZE_FLAT_DEVICE_HIERARCHY");
  return hierarchy && !strcmp(hierarchy, "COMPOSITE");
}

/* The length of the prefix of a device's name that names its backend, and for OpenCL, as a GPU may be in several
 * platforms, also the platform: "rsmi" of rsmi3, "opencl1d" of opencl1d0. */
static size_t kind_length(const char *name) {
  size_t length = strcspn(name, "0123456789");
  if (!strncmp(name, "opencl", length))
    length += strspn(name + length, "0123456789d") - strlen(strrchr(name, 'd')) + 1;
  return length;
}

static int is_tile(const char *name) {
  return strchr(name, '.') != NULL;
}

int eplb_partition_of(hwloc_obj_t pci, hwloc_obj_t os) {
  if (is_tile(os->name))
    return shows_cards() ? -1 : atoi(strchr(os->name, '.') + 1);
  size_t length = kind_length(os->name);
  int alike = 0, before = 0, number = atoi(os->name + length);
  for (hwloc_obj_t o = NULL; (o = eplb_next_computing(pci, o));) {
    if (is_tile(o->name) || kind_length(o->name) != length || strncmp(o->name, os->name, length))
      continue;
    alike++;
    before += atoi(o->name + length) < number;
  }
  return alike > 1 ? before : -1;
}

static int count_tiles(hwloc_obj_t pci) {
  for (size_t i = 0; i < sizeof tiled / sizeof *tiled && !shows_cards(); i++)
    if (pci->attr->pcidev.vendor_id == EPLB_VENDOR_INTEL && pci->attr->pcidev.device_id == tiled[i].model)
      return tiled[i].tiles;
  return 0;
}

int eplb_count_partitions(hwloc_obj_t pci, int narrowed) {
  int parts = 0, shown = 0;
  for (hwloc_obj_t o = NULL; (o = eplb_next_computing(pci, o));) {
    if (!eplb_backend_of(o)->vendor)
      continue; /* OpenCL shows what its own options say */
    int part = eplb_partition_of(pci, o);
    parts = part >= parts ? part + 1 : parts;
    shown = 1;
  }
  return parts || (shown && !narrowed) ? parts : count_tiles(pci);
}
