/* Asks NVIDIA's management library, loaded at run time, for MIG devices, UUIDs, fabrics, and for GPUs that are hidden
 * from this process. */
#include "mpi/detect/nvml.h"
#include "core/util/alloc.h"
#include "mpi/detect/accelerators.h"
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NVML's constants and structures, as its nvml.h has them. */
enum { SUCCESS = 0, NO_PERMISSION = 4, NOT_FOUND = 6, FABRIC_COMPLETED = 3, CLUSTER_BYTES = 16, MIG_ENABLED = 1 };
typedef void *device_t;

typedef struct fabric_v1 {
  unsigned char cluster[CLUSTER_BYTES];
  int status;
  unsigned clique, state;
} fabric_v1_t;

typedef struct fabric_v2 {
  unsigned version;
  unsigned char cluster[CLUSTER_BYTES];
  int status;
  unsigned clique, state, health;
} fabric_v2_t;

typedef struct memory {
  unsigned long long total, free, used;
} memory_t;

/* Its calls. Those that older drivers lack are NULL. */
typedef struct nvml {
  int (*init)(void);
  int (*shutdown)(void);
  int (*by_bus)(const char *bus_id, device_t *device);
  int (*by_uuid)(const char *uuid, device_t *device);
  int (*uuid)(device_t device, char *text, unsigned size);
  int (*name)(device_t device, char *text, unsigned size);
  int (*memory)(device_t device, memory_t *memory);
  int (*fabric_v1)(device_t device, fabric_v1_t *fabric);
  int (*fabric_v2)(device_t device, fabric_v2_t *fabric);
  int (*mig_mode)(device_t device, unsigned *current, unsigned *pending);
  int (*mig_count)(device_t device, unsigned *count);
  int (*mig_device)(device_t device, unsigned index, device_t *mig);
} nvml_t;

static const struct {
  const char *name;
  size_t at;
  int is_optional;
} symbols[] = {
    {"nvmlInit_v2", offsetof(nvml_t, init), 0},
    {"nvmlShutdown", offsetof(nvml_t, shutdown), 0},
    {"nvmlDeviceGetHandleByPciBusId_v2", offsetof(nvml_t, by_bus), 0},
    {"nvmlDeviceGetHandleByUUID", offsetof(nvml_t, by_uuid), 0},
    {"nvmlDeviceGetUUID", offsetof(nvml_t, uuid), 0},
    {"nvmlDeviceGetName", offsetof(nvml_t, name), 0},
    {"nvmlDeviceGetMemoryInfo", offsetof(nvml_t, memory), 0},
    {"nvmlDeviceGetGpuFabricInfo", offsetof(nvml_t, fabric_v1), 1},
    {"nvmlDeviceGetGpuFabricInfoV", offsetof(nvml_t, fabric_v2), 1},
    {"nvmlDeviceGetMigMode", offsetof(nvml_t, mig_mode), 1},
    {"nvmlDeviceGetMaxMigDeviceCount", offsetof(nvml_t, mig_count), 1},
    {"nvmlDeviceGetMigDeviceHandleByIndex", offsetof(nvml_t, mig_device), 1},
};

/* The library, or NULL: it is not there, or is none. */
static void *load_nvml(nvml_t *nvml) {
  const char *own = secure_getenv("EPLB_NVML_LIBRARY");
  void *library = dlopen(own ? own : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  *nvml = (nvml_t){0};
  for (size_t i = 0; library && i < sizeof symbols / sizeof *symbols; i++) {
    void *symbol = dlsym(library, symbols[i].name);
    memcpy((char *)nvml + symbols[i].at, &symbol, sizeof symbol);
    if (!symbol && !symbols[i].is_optional) {
      dlclose(library);
      library = NULL;
    }
  }
  return library;
}

/* "cluster.clique"; GPUs of one host alone have a cluster of zeros. */
static void set_fabric(eplb_accelerator_t *a, const unsigned char *cluster, unsigned clique) {
  int is_zero = 1;
  for (int i = 0; i < CLUSTER_BYTES; i++)
    is_zero &= !cluster[i];
  if (is_zero)
    return;
  for (int i = 0; i < CLUSTER_BYTES; i++)
    snprintf(a->fabric + 2 * i, sizeof a->fabric - 2 * (size_t)i, "%02x", cluster[i]);
  snprintf(a->fabric + 2 * CLUSTER_BYTES, sizeof a->fabric - 2 * CLUSTER_BYTES, ".%u", clique);
}

static void find_fabric(const nvml_t *nvml, device_t device, eplb_accelerator_t *a) {
  fabric_v2_t v2 = {.version = (unsigned)sizeof v2 | 2u << 24};
  fabric_v1_t v1 = {.state = 0};
  if (nvml->fabric_v2 && nvml->fabric_v2(device, &v2) == SUCCESS) {
    if (v2.state == FABRIC_COMPLETED && v2.status == SUCCESS)
      set_fabric(a, v2.cluster, v2.clique);
  } else if (nvml->fabric_v1 && nvml->fabric_v1(device, &v1) == SUCCESS && v1.state == FABRIC_COMPLETED &&
             v1.status == SUCCESS) {
    set_fabric(a, v1.cluster, v1.clique);
  }
}

enum { MOST_MIGS = 16 };

/* The MIG devices of a GPU into mig[MOST_MIGS]; returns how many this process may use. */
static int find_migs(const nvml_t *nvml, device_t device, device_t *mig) {
  unsigned current = 0, pending, count = 0;
  int found = 0;
  if (!nvml->mig_mode || !nvml->mig_count || !nvml->mig_device ||
      nvml->mig_mode(device, &current, &pending) != SUCCESS || current != MIG_ENABLED ||
      nvml->mig_count(device, &count) != SUCCESS)
    return 0;
  for (unsigned i = 0; i < count && found < MOST_MIGS; i++)
    found += nvml->mig_device(device, i, &mig[found]) == SUCCESS;
  return found;
}

static void describe_mig(const nvml_t *nvml, device_t mig, eplb_accelerator_t *a) {
  memory_t memory;
  char text[96];
  if (nvml->uuid(mig, text, sizeof text) == SUCCESS)
    snprintf(a->uuid, sizeof a->uuid, "%.63s", text);
  if (nvml->name(mig, text, sizeof text) == SUCCESS)
    snprintf(a->name, sizeof a->name, "%.63s", text);
  if (nvml->memory(mig, &memory) == SUCCESS)
    a->memory = (int64_t)memory.total;
}

/* What becomes of one accelerator, into to[MOST_MIGS]; returns how many. */
static int ask(const nvml_t *nvml, const eplb_accelerator_t *a, eplb_accelerator_t *to) {
  device_t device, mig[MOST_MIGS];
  char uuid[96];
  *to = *a;
  if (a->vendor != EPLB_VENDOR_NVIDIA || a->num_partitions)
    return 1;
  int code = a->bus_id[0] ? nvml->by_bus(a->bus_id, &device) : nvml->by_uuid(a->uuid, &device);
  if (code != SUCCESS)
    return code != NOT_FOUND && code != NO_PERMISSION;
  find_fabric(nvml, device, to);
  if (!to->uuid[0] && nvml->uuid(device, uuid, sizeof uuid) == SUCCESS)
    snprintf(to->uuid, sizeof to->uuid, "%.63s", uuid);
  char gpu_uuid[EPLB_UUID_MAX];
  memcpy(gpu_uuid, to->uuid, sizeof gpu_uuid);
  int migs = find_migs(nvml, device, mig);
  for (int m = migs - 1; m >= 0; m--) {
    to[m] = *to;
    memcpy(to[m].gpu_uuid, gpu_uuid, sizeof gpu_uuid);
    to[m].partition = (int16_t)m;
    to[m].num_partitions = (int16_t)migs;
    describe_mig(nvml, mig[m], &to[m]);
  }
  return migs ? migs : 1;
}

static eplb_status_t ask_about_all(const nvml_t *nvml, eplb_host_t *host, hwloc_obj_t **object) {
  size_t most = (size_t)host->num_accelerators * MOST_MIGS;
  eplb_accelerator_t *all = EPLB_NEW(eplb_accelerator_t, most);
  hwloc_obj_t *objects = EPLB_NEW(hwloc_obj_t, most);
  if (!all || !objects) {
    free(objects);
    free(all);
    return EPLB_ERR_MEMORY;
  }
  int count = 0;
  for (int i = 0; i < host->num_accelerators; i++) {
    int become = ask(nvml, &host->accelerator[i], all + count);
    for (int k = 0; k < become; k++)
      objects[count++] = (*object)[i];
  }
  free(host->accelerator);
  free(*object);
  host->accelerator = all;
  host->num_accelerators = count;
  *object = objects;
  return EPLB_SUCCESS;
}

static int has_nvidia(const eplb_host_t *host) {
  for (int i = 0; i < host->num_accelerators; i++)
    if (host->accelerator[i].vendor == EPLB_VENDOR_NVIDIA)
      return 1;
  return 0;
}

eplb_status_t eplb_ask_nvml(eplb_host_t *host, hwloc_obj_t **object) {
  nvml_t nvml;
  void *library = has_nvidia(host) ? load_nvml(&nvml) : NULL;
  if (!library)
    return EPLB_SUCCESS;
  eplb_status_t status = EPLB_SUCCESS;
  if (nvml.init() == SUCCESS) {
    status = ask_about_all(&nvml, host, object);
    nvml.shutdown();
  }
  dlclose(library);
  return status;
}
