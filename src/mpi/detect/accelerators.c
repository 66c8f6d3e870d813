/* Lists the accelerators of a host in the order in which the vendor's runtime numbers them: each PCI device or
 * partition once, whichever hwloc backends show it. */
#include "mpi/detect/accelerators.h"
#include "core/util/alloc.h"
#include <stdio.h>
#include <string.h>

/* One accelerator while the list is made. */
typedef struct found {
  hwloc_obj_t object; /* its PCI device; without one, its first OS device */
  eplb_accelerator_t a;
  long number; /* as its vendor's tools count it; -1 unknown */
  int hidden;
} found_t;

/* The NUMA node that it is nearest to: the first with processors of those that it hangs under; unknown where these
 * are all of several. GPUs' own memory may be a NUMA node, too. */
static int nearest_numa(hwloc_topology_t t, hwloc_obj_t device) {
  hwloc_obj_t parent = hwloc_get_non_io_ancestor_obj(t, device), first = NULL;
  for (hwloc_obj_t node = NULL;
       parent && parent->nodeset && (node = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, node));) {
    if (!hwloc_bitmap_isset(parent->nodeset, node->os_index) || hwloc_bitmap_iszero(node->cpuset) ||
        (node->subtype && !strcmp(node->subtype, "GPUMemory")))
      continue;
    if (first && parent->depth == 0 && !hwloc_bitmap_isequal(first->cpuset, node->cpuset))
      return -1;
    if (!first)
      first = node;
  }
  return first ? (int)first->os_index : -1;
}

/* The number in a device's name in a backend, tiles of a card behind each other; "opencl1d0" has none: it counts by
 * platform. */
static long number_in(const char *backends, const char *backend) {
  enum { MOST_TILES = 256 };
  char *end;
  size_t length = strlen(backend);
  for (const char *name = backends; name && *name; name = strchr(name, ' ') ? strchr(name, ' ') + 1 : NULL)
    if (!strncmp(name, backend, length) && name[length] >= '0' && name[length] <= '9') {
      long number = strtol(name + length, &end, 10), tile = *end == '.' ? strtol(end + 1, &end, 10) : 0;
      if (*end == ' ' || !*end)
        return number * MOST_TILES + tile;
    }
  return -1;
}

/* Numbers of one vendor's, from the first backend that has numbered all of them. */
static void number_vendor(found_t *f, int count, uint16_t vendor, int narrowed) {
  static const struct {
    const char *backend;
    int obeys_lists;
  } order[] = {{"nvml", 0}, {"rsmi", 0}, {"ze", 1}, {"ve", 0}, {"cuda", 1}};
  for (size_t b = 0; b < sizeof order / sizeof *order; b++) {
    int all = !(order[b].obeys_lists && narrowed);
    for (int i = 0; i < count && all; i++)
      if (f[i].a.vendor == vendor)
        all = (f[i].number = number_in(f[i].a.backends, order[b].backend)) >= 0;
    if (all)
      return;
  }
  for (int i = 0; i < count; i++)
    if (f[i].a.vendor == vendor)
      f[i].number = -1;
}

static int by_vendor_number_bus(const void *a, const void *b) {
  const found_t *x = a, *y = b;
  if (x->a.vendor != y->a.vendor)
    return x->a.vendor < y->a.vendor ? -1 : 1;
  if (x->number != y->number)
    return x->number < y->number ? -1 : 1;
  int order = strcmp(x->a.bus_id, y->a.bus_id);
  return order ? order : x->a.partition - y->a.partition;
}

/* An OS device whose PCI device is not shown, as in some containers: hwloc then attaches it to the nearest object.
 * Backends that give it the same number there mean the same device. */
static found_t *find_twin(found_t *f, int count, hwloc_obj_t os) {
  size_t digits = strcspn(os->name, "0123456789");
  for (int i = 0; i < count; i++) {
    hwloc_obj_t other = f[i].object;
    if (other->type == HWLOC_OBJ_OS_DEVICE && other->parent == os->parent &&
        strncmp(other->name, os->name, digits + 1) &&
        !strcmp(other->name + strcspn(other->name, "0123456789"), os->name + digits))
      return &f[i];
  }
  return NULL;
}

static int has_pci_device(hwloc_obj_t o) {
  while (o && o->type != HWLOC_OBJ_PCI_DEVICE)
    o = o->parent;
  return o != NULL;
}

static int count_candidates(hwloc_topology_t t, int narrowed) {
  int count = 0;
  for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(t, pci));)
    count += 1 + eplb_count_partitions(pci, narrowed);
  for (hwloc_obj_t os = NULL; (os = hwloc_get_next_osdev(t, os));)
    count++;
  return count;
}

/* PCI devices that are accelerators, or their partitions. */
static int collect_pci(hwloc_topology_t t, int narrowed, found_t *f) {
  int count = 0, unread = eplb_count_unread_displays(t);
  for (hwloc_obj_t pci = NULL; (pci = hwloc_get_next_pcidev(t, pci));) {
    if (!eplb_is_accelerator(pci, unread))
      continue;
    int parts = eplb_count_partitions(pci, narrowed);
    for (int p = 0; p < (parts ? parts : 1); p++) {
      f[count].object = pci;
      f[count].a.partition = (int16_t)p;
      f[count].a.num_partitions = (int16_t)parts;
      eplb_name_accelerator(pci, &f[count++].a);
    }
  }
  return count;
}

/* OS devices without a PCI device. */
static int collect_others(hwloc_topology_t t, found_t *f, int count) {
  for (hwloc_obj_t os = NULL; (os = hwloc_get_next_osdev(t, os));) {
    if (!eplb_backend_of(os) || has_pci_device(os) || os->parent->type == HWLOC_OBJ_OS_DEVICE)
      continue;
    found_t *twin = find_twin(f, count, os);
    if (!twin) {
      twin = &f[count++];
      twin->object = os;
    }
    eplb_name_accelerator(os, &twin->a);
  }
  return count;
}

/* Whether the library of the vendor shows it, and not only PCI or OpenCL. */
static int library_shows(const found_t *f) {
  for (hwloc_obj_t o = NULL; (o = eplb_next_computing(f->object, o));)
    if (eplb_backend_of(o)->vendor == f->a.vendor)
      return 1;
  return 0;
}

/* Leaves out what the vendors' libraries could show but do not: a cgroup or a container hides it. A library that obeys
 * a list of visible devices proves nothing if this process has such a list. */
static int leave_out_hidden(found_t *f, int count, int narrowed) {
  int kept = 0;
  for (int i = 0; i < count; i++) {
    int hidden = 0, shown = library_shows(&f[i]);
    for (int k = 0; k < count && !shown && !hidden; k++)
      for (hwloc_obj_t o = NULL;
           !hidden && f[k].a.vendor == f[i].a.vendor && (o = eplb_next_computing(f[k].object, o));)
        hidden = eplb_backend_of(o)->vendor == f[k].a.vendor && !(narrowed && eplb_backend_of(o)->variable);
    f[i].hidden = hidden;
  }
  for (int i = 0; i < count; i++)
    if (!f[i].hidden)
      f[kept++] = f[i];
  return kept;
}

static int find_devices(hwloc_topology_t t, int narrowed, found_t *f) {
  int count = collect_pci(t, narrowed, f);
  count = leave_out_hidden(f, collect_others(t, f, count), narrowed);
  for (int i = 0; i < count; i++) {
    f[i].a.numa = nearest_numa(t, f[i].object);
    number_vendor(f, count, f[i].a.vendor, narrowed);
  }
  qsort(f, (size_t)count, sizeof *f, by_vendor_number_bus);
  return count;
}

eplb_status_t eplb_find_accelerators(hwloc_topology_t topology, eplb_host_t *host, hwloc_obj_t **object) {
  found_t *f = EPLB_NEW(found_t, count_candidates(topology, host->narrowed));
  int count = f ? find_devices(topology, host->narrowed, f) : 0;
  host->accelerator = f ? EPLB_NEW(eplb_accelerator_t, count) : NULL;
  hwloc_obj_t *objects = host->accelerator ? EPLB_NEW(hwloc_obj_t, count) : NULL;
  if (objects) {
    host->num_accelerators = count;
    for (int i = 0; i < count; i++) {
      host->accelerator[i] = f[i].a;
      objects[i] = f[i].object;
    }
    *object = objects;
  }
  free(f);
  return objects ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}
