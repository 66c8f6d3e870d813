/* Reads AMD GPUs and their partitions from the kernel driver's files in /sys, for hwloc without its RSMI backend. */
#include "mpi/detect/kfd.h"
#include "core/util/alloc.h"
#include "mpi/detect/accelerators.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 512 };

/* A GPU or a partition of one. */
typedef struct gpu {
  char bus_id[EPLB_BUS_ID_MAX];
  uint64_t unique_id;
} gpu_t;

/* The file "properties" of a node: lines of a name and a number. Whether the node is a GPU that this process may use:
 * the driver hides the properties of other GPUs. location_id holds the PCI address, and from bit 28 on the partition's
 * number. */
static int read_node(const char *nodes, int number, gpu_t *gpu) {
  char path[512], name[64];
  uint64_t value, simds = 0, location = 0, domain = 0;
  snprintf(path, sizeof path, "%.400s/%d/properties", nodes, number);
  FILE *file = fopen(path, "r");
  if (!file)
    return 0;
  gpu->unique_id = 0;
  while (fscanf(file, "%63s %" SCNu64, name, &value) == 2) {
    simds = strcmp(name, "simd_count") ? simds : value;
    location = strcmp(name, "location_id") ? location : value;
    domain = strcmp(name, "domain") ? domain : value;
    gpu->unique_id = strcmp(name, "unique_id") ? gpu->unique_id : value;
  }
  fclose(file);
  snprintf(gpu->bus_id, sizeof gpu->bus_id, "%04x:%02x:%02x.%01x", (unsigned)(domain & 0xffffffff),
           (unsigned)(location >> 8 & 0xff), (unsigned)(location >> 3 & 0x1f), (unsigned)(location & 7));
  return simds > 0;
}

/* All of them, in the order of nodes; returns how many. */
static int read_nodes(const char *nodes, gpu_t *gpu) {
  int count = 0;
  for (int n = 0; n < MOST_NODES; n++)
    count += read_node(nodes, n, &gpu[count]);
  return count;
}

/* Whether AMD's are there, and none is numbered by RSMI. */
static int is_needed(const eplb_host_t *host) {
  int needed = 0;
  for (int i = 0; i < host->num_accelerators; i++) {
    if (host->accelerator[i].vendor != EPLB_VENDOR_AMD)
      continue;
    if (host->accelerator[i].num_partitions || strstr(host->accelerator[i].backends, "rsmi"))
      return 0;
    needed = 1;
  }
  return needed;
}

/* Which partition gpu[g] is of how many: those with its PCI address. */
static void number_partition(const gpu_t *gpu, int count, int g, eplb_accelerator_t *a) {
  int before = 0, all = 0;
  for (int k = 0; k < count; k++)
    if (!strcmp(gpu[k].bus_id, gpu[g].bus_id)) {
      all++;
      before += k < g;
    }
  a->partition = (int16_t)(all > 1 ? before : 0);
  a->num_partitions = (int16_t)(all > 1 ? all : 0);
  if (gpu[g].unique_id)
    snprintf(a->uuid, sizeof a->uuid, "%016" PRIx64, gpu[g].unique_id);
}

/* AMD's, in the order of gpu[count]; returns how many. */
static int take_kfd_order(const eplb_host_t *host, const hwloc_obj_t *object, const gpu_t *gpu, int count,
                          eplb_accelerator_t *to, hwloc_obj_t *objects) {
  int taken = 0;
  for (int g = 0; g < count; g++)
    for (int i = 0; i < host->num_accelerators; i++)
      if (host->accelerator[i].vendor == EPLB_VENDOR_AMD && !strcmp(host->accelerator[i].bus_id, gpu[g].bus_id)) {
        to[taken] = host->accelerator[i];
        objects[taken] = object[i];
        number_partition(gpu, count, g, &to[taken++]);
      }
  return taken;
}

static void replace(eplb_host_t *host, hwloc_obj_t **object, const gpu_t *gpu, int num_gpus, eplb_accelerator_t *all,
                    hwloc_obj_t *objects) {
  int count = 0, done = 0;
  for (int i = 0; i < host->num_accelerators; i++) {
    if (host->accelerator[i].vendor != EPLB_VENDOR_AMD) {
      all[count] = host->accelerator[i];
      objects[count++] = (*object)[i];
    } else if (!done) {
      count += take_kfd_order(host, *object, gpu, num_gpus, all + count, objects + count);
      done = 1;
    }
  }
  free(host->accelerator);
  free(*object);
  host->accelerator = all;
  host->num_accelerators = count;
  *object = objects;
}

eplb_status_t eplb_ask_kfd(const char *nodes, eplb_host_t *host, hwloc_obj_t **object) {
  DIR *folder = is_needed(host) ? opendir(nodes) : NULL;
  if (!folder)
    return EPLB_SUCCESS;
  closedir(folder);
  size_t most = (size_t)host->num_accelerators + MOST_NODES;
  gpu_t *gpu = EPLB_NEW(gpu_t, MOST_NODES + 1);
  eplb_accelerator_t *all = EPLB_NEW(eplb_accelerator_t, most);
  hwloc_obj_t *objects = EPLB_NEW(hwloc_obj_t, most);
  if (!gpu || !all || !objects) {
    free(objects);
    free(all);
    free(gpu);
    return EPLB_ERR_MEMORY;
  }
  replace(host, object, gpu, read_nodes(nodes, gpu), all, objects);
  free(gpu);
  return EPLB_SUCCESS;
}
