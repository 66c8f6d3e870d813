#include "fake_nvml.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, DRIVER_NOT_LOADED = 9, COMPLETED = 3, MOST = 16 };

/* A GPU, or a MIG device of one. */
typedef struct gpu {
  char bus_id[20];
  int number, migs, mig, cluster;
  unsigned clique;
} gpu_t;

static gpu_t gpu[MOST], mig_of[MOST][MOST];
static int count, has_driver, is_old, opened;

/* Public, as in the library that this stands for. */
EPLB_PUBLIC int nvmlInit_v2(void);
EPLB_PUBLIC int nvmlShutdown(void);
EPLB_PUBLIC int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **device);
EPLB_PUBLIC int nvmlDeviceGetHandleByUUID(const char *uuid, void **device);
EPLB_PUBLIC int nvmlDeviceGetUUID(void *device, char *text, unsigned size);
EPLB_PUBLIC int nvmlDeviceGetName(void *device, char *text, unsigned size);
EPLB_PUBLIC int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory);
EPLB_PUBLIC int nvmlDeviceGetGpuFabricInfo(void *device, void *fabric);
EPLB_PUBLIC int nvmlDeviceGetGpuFabricInfoV(void *device, void *fabric);
EPLB_PUBLIC int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending);
EPLB_PUBLIC int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *most);
EPLB_PUBLIC int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **mig);

void fake_nvml_show(const char *gpus) {
  count = 0;
  has_driver = gpus != NULL;
  for (; gpus && *gpus && count < MOST; gpus += strspn(gpus, " ")) {
    size_t length = strcspn(gpus, " "), bus = strcspn(gpus, " /@");
    const char *migs = memchr(gpus, '/', length), *fabric = memchr(gpus, '@', length);
    gpu_t *g = &gpu[count];
    *g = (gpu_t){.number = count, .migs = migs ? atoi(migs + 1) : 0, .mig = -1};
    snprintf(g->bus_id, sizeof g->bus_id, "%.*s", (int)bus, gpus);
    if (fabric) {
      g->cluster = atoi(fabric + 1);
      g->clique = (unsigned)atoi(strchr(fabric, '.') + 1);
    }
    for (int m = 0; m < g->migs; m++) {
      mig_of[count][m] = *g;
      mig_of[count][m].mig = m;
    }
    gpus += length;
    count++;
  }
}

void fake_nvml_be_old(int old) {
  is_old = old;
}

int fake_nvml_open(void) {
  return opened;
}

int nvmlInit_v2(void) {
  if (!has_driver && getenv("FAKE_NVML"))
    fake_nvml_show(getenv("FAKE_NVML"));
  opened += has_driver;
  return has_driver ? SUCCESS : DRIVER_NOT_LOADED;
}

int nvmlShutdown(void) {
  opened--;
  return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **device) {
  for (int g = 0; g < count; g++)
    if (!strcmp(gpu[g].bus_id, bus_id)) {
      *device = &gpu[g];
      return SUCCESS;
    }
  return NOT_FOUND;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
  for (int g = 0; g < count; g++) {
    char own[64];
    nvmlDeviceGetUUID(&gpu[g], own, sizeof own);
    if (!strcmp(own, uuid)) {
      *device = &gpu[g];
      return SUCCESS;
    }
  }
  return NOT_FOUND;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned size) {
  const gpu_t *g = device;
  snprintf(text, size, "%s-fa4e%02d%02d-0000-0000-0000-000000000000", g->mig < 0 ? "GPU" : "MIG", g->number,
           g->mig < 0 ? 0 : g->mig);
  return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *text, unsigned size) {
  snprintf(text, size, "NVIDIA Fake%s", ((const gpu_t *)device)->mig < 0 ? "" : " MIG 1g.10gb");
  return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *memory) {
  memory[0] = (((const gpu_t *)device)->mig < 0 ? 80ull : 10ull) << 30;
  memory[1] = memory[2] = 0;
  return SUCCESS;
}

/* The older structure, which the newer has behind its version. */
static int tell_fabric(const gpu_t *g, unsigned char *fabric) {
  int status = SUCCESS;
  unsigned state = COMPLETED;
  memset(fabric, g->cluster, 16);
  memcpy(fabric + 16, &status, 4);
  memcpy(fabric + 20, &g->clique, 4);
  memcpy(fabric + 24, &state, 4);
  return SUCCESS;
}

int nvmlDeviceGetGpuFabricInfo(void *device, void *fabric) {
  return tell_fabric(device, fabric);
}

int nvmlDeviceGetGpuFabricInfoV(void *device, void *fabric) {
  unsigned version;
  memcpy(&version, fabric, sizeof version);
  return is_old || version != (36 | 2u << 24) ? NOT_SUPPORTED : tell_fabric(device, (unsigned char *)fabric + 4);
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
  *current = *pending = ((const gpu_t *)device)->migs > 0;
  return SUCCESS;
}

/* More than there are: not all that could be made has been made. */
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *most) {
  (void)device;
  *most = 7;
  return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **mig) {
  const gpu_t *g = device;
  if (index >= (unsigned)g->migs)
    return NOT_FOUND;
  *mig = &mig_of[g->number][index];
  return SUCCESS;
}
