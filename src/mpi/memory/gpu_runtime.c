/* Loads the CUDA or HIP runtime and finds the calls that gpu.c needs. */
#include "mpi/memory/gpu_runtime.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUDA, HIP, NUM_KINDS };

static const struct {
  const char *kind, *variable;
  const char *library[4]; /* the newest first; NULL ends them */
} kinds[NUM_KINDS] = {
    [CUDA] = {"cuda", "EPLB_CUDA_LIBRARY", {"libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0"}},
    [HIP] = {"hip", "EPLB_HIP_LIBRARY", {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5"}},
};

/* The name of a call without its prefix "cuda" or "hip", and its place in the table. */
static const struct {
  const char *name[NUM_KINDS];
  size_t at;
} symbols[] = {
    {{"GetDeviceCount", "GetDeviceCount"}, offsetof(eplb_gpu_runtime_t, get_device_count)},
    {{"Malloc", "Malloc"}, offsetof(eplb_gpu_runtime_t, allocate)},
    {{"Free", "Free"}, offsetof(eplb_gpu_runtime_t, release)},
    {{"HostAlloc", "HostMalloc"}, offsetof(eplb_gpu_runtime_t, allocate_host)},
    {{"FreeHost", "HostFree"}, offsetof(eplb_gpu_runtime_t, release_host)},
    {{"MemcpyAsync", "MemcpyAsync"}, offsetof(eplb_gpu_runtime_t, copy)},
    {{"StreamCreateWithFlags", "StreamCreateWithFlags"}, offsetof(eplb_gpu_runtime_t, create_stream)},
    {{"StreamDestroy", "StreamDestroy"}, offsetof(eplb_gpu_runtime_t, destroy_stream)},
    {{"StreamSynchronize", "StreamSynchronize"}, offsetof(eplb_gpu_runtime_t, wait_for_stream)},
    {{"EventCreateWithFlags", "EventCreateWithFlags"}, offsetof(eplb_gpu_runtime_t, create_event)},
    {{"EventDestroy", "EventDestroy"}, offsetof(eplb_gpu_runtime_t, destroy_event)},
    {{"EventRecord", "EventRecord"}, offsetof(eplb_gpu_runtime_t, record_event)},
    {{"EventQuery", "EventQuery"}, offsetof(eplb_gpu_runtime_t, query_event)},
    {{"GetLastError", "GetLastError"}, offsetof(eplb_gpu_runtime_t, get_last_error)},
    {{"GetErrorString", "GetErrorString"}, offsetof(eplb_gpu_runtime_t, get_error_string)},
};
enum { NUM_SYMBOLS = sizeof symbols / sizeof *symbols };

static void *open_library(const char *name) {
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

static eplb_status_t find_library(int kind, void **library) {
  const char *own = secure_getenv(kinds[kind].variable);
  *library = own ? open_library(own) : NULL;
  for (const char *const *name = kinds[kind].library; *name && !own && !*library; name++)
    *library = open_library(*name);
  if (*library)
    return EPLB_SUCCESS;
  if (own)
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "no %s memory: the library that %s names cannot be loaded: %s",
                     kinds[kind].kind, kinds[kind].variable, dlerror());
  return eplb_fail(EPLB_ERR_UNSUPPORTED,
                   "no %s memory: neither %s nor an older one can be loaded; %s may name the runtime library's file",
                   kinds[kind].kind, kinds[kind].library[0], kinds[kind].variable);
}

static eplb_status_t find_symbols(int kind, eplb_gpu_runtime_t *calls) {
  for (int i = 0; i < NUM_SYMBOLS; i++) {
    char name[64];
    snprintf(name, sizeof name, "%s%s", kinds[kind].kind, symbols[i].name[kind]);
    void *symbol = dlsym(calls->library, name);
    if (!symbol)
      return eplb_fail(EPLB_ERR_UNSUPPORTED, "no %s memory: the runtime library has no %s", kinds[kind].kind, name);
    memcpy((char *)calls + symbols[i].at, &symbol, sizeof symbol); /* C has no cast from an object to a function */
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_gpu_load(const char *kind, eplb_gpu_runtime_t *calls) {
  *calls = (eplb_gpu_runtime_t){0};
  int k = 0;
  while (k < NUM_KINDS && (!kind || strcmp(kind, kinds[k].kind)))
    k++;
  if (k == NUM_KINDS)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a GPU's kind of memory is \"%s\"; expected cuda or hip", kind ? kind : "");
  calls->kind = kinds[k].kind;
  eplb_status_t status = find_library(k, &calls->library);
  if (!status)
    status = find_symbols(k, calls);
  if (status)
    eplb_gpu_unload(calls);
  return status;
}

void eplb_gpu_unload(eplb_gpu_runtime_t *calls) {
  if (calls->library)
    dlclose(calls->library);
  *calls = (eplb_gpu_runtime_t){0};
}

eplb_status_t eplb_gpu_explain(const eplb_gpu_runtime_t *calls, int error, const char *tried) {
  if (!error)
    return EPLB_SUCCESS;
  const char *words = calls->get_error_string(error);
  calls->get_last_error();
  return eplb_fail(EPLB_ERR_UNSUPPORTED, "%s failed with error %d: %s", tried, error, words ? words : "");
}
