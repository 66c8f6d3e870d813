/* GPU memory for migration, by CUDA's or HIP's runtime: one stream, and an event for each queue of copies. */
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/memory/gpu_aware_mpi.h"
#include "mpi/memory/gpu_runtime.h"
#include <eplb/memory.h>

/* One stream, so that copies end in the order in which they began; an event for each queue marks its last. */
typedef struct gpu {
  eplb_memory_t memory; /* what the caller sees; its self is this */
  eplb_gpu_runtime_t calls;
  void *stream;
  void *event[EPLB_MEMORY_QUEUES];
} gpu_t;

static eplb_status_t allocate_gpu_memory(void *self, size_t bytes, void **memory) {
  gpu_t *gpu = self;
  void *got = NULL;
  if (gpu->calls.allocate(&got, bytes ? bytes : 1)) {
    gpu->calls.get_last_error();
    return eplb_fail(EPLB_ERR_MEMORY, "out of %s memory for %s", gpu->memory.name, eplb_count(bytes, "byte"));
  }
  *memory = got;
  return EPLB_SUCCESS;
}

static void release_gpu_memory(void *self, void *memory) {
  gpu_t *gpu = self;
  if (memory)
    gpu->calls.release(memory);
}

static eplb_status_t allocate_host(void *self, size_t bytes, void **memory) {
  gpu_t *gpu = self;
  void *got = NULL;
  if (gpu->calls.allocate_host(&got, bytes ? bytes : 1, 0)) {
    gpu->calls.get_last_error();
    return eplb_fail(EPLB_ERR_MEMORY, "out of pinned memory for %s", eplb_count(bytes, "byte"));
  }
  *memory = got;
  return EPLB_SUCCESS;
}

static void release_host(void *self, void *memory) {
  gpu_t *gpu = self;
  if (memory)
    gpu->calls.release_host(memory);
}

/* After a failure the session takes a queue's copies for done, while some may be under way to memory that it is about
 * to free. */
static eplb_status_t fail_after_stream(const gpu_t *gpu, int error, const char *tried) {
  gpu->calls.wait_for_stream(gpu->stream);
  return eplb_gpu_explain(&gpu->calls, error, tried);
}

/* Both ends' addresses say where they are. */
static eplb_status_t gpu_copy(void *self, int queue, void *to, const void *from, size_t bytes, eplb_copy_t direction) {
  gpu_t *gpu = self;
  (void)direction;
  int error = gpu->calls.copy(to, from, bytes, EPLB_GPU_COPY_DEFAULT, gpu->stream);
  if (!error)
    error = gpu->calls.record_event(gpu->event[queue], gpu->stream);
  return error ? fail_after_stream(gpu, error, "a copy of weights on the GPU") : EPLB_SUCCESS;
}

static eplb_status_t gpu_test(void *self, int queue, int *done) {
  gpu_t *gpu = self;
  int error = gpu->calls.query_event(gpu->event[queue]);
  *done = error != EPLB_GPU_NOT_READY;
  if (error && *done)
    return fail_after_stream(gpu, error, "waiting for copies of weights on the GPU");
  if (error)
    gpu->calls.get_last_error(); /* some versions take "not ready" for an error that the job would find */
  return EPLB_SUCCESS;
}

static eplb_status_t find_device(const gpu_t *gpu) {
  int count = 0, error = gpu->calls.get_device_count(&count);
  if (error)
    return eplb_gpu_explain(&gpu->calls, error, "no GPU: counting devices");
  return count > 0 ? EPLB_SUCCESS
                   : eplb_fail(EPLB_ERR_UNSUPPORTED, "no GPU: the %s library counts none", gpu->memory.name);
}

static eplb_status_t create_queues(gpu_t *gpu) {
  int error = gpu->calls.create_stream(&gpu->stream, EPLB_GPU_NON_BLOCKING);
  for (int q = 0; q < EPLB_MEMORY_QUEUES && !error; q++)
    error = gpu->calls.create_event(&gpu->event[q], EPLB_GPU_NO_TIMING);
  return eplb_gpu_explain(&gpu->calls, error, "creating a stream and events on the GPU");
}

static void destroy_gpu_memory(gpu_t *gpu) {
  for (int q = 0; q < EPLB_MEMORY_QUEUES; q++)
    if (gpu->event[q])
      gpu->calls.destroy_event(gpu->event[q]);
  if (gpu->stream)
    gpu->calls.destroy_stream(gpu->stream);
  eplb_gpu_unload(&gpu->calls);
  free(gpu);
}

eplb_status_t eplb_gpu_memory_create(const char *kind, eplb_memory_t **memory) {
  gpu_t *gpu = EPLB_NEW(gpu_t, 1);
  if (!gpu)
    return EPLB_ERR_MEMORY;
  gpu->memory = (eplb_memory_t){.size = sizeof gpu->memory,
                                .self = gpu,
                                .allocate = allocate_gpu_memory,
                                .release = release_gpu_memory,
                                .allocate_host = allocate_host,
                                .release_host = release_host,
                                .copy = gpu_copy,
                                .test = gpu_test};
  eplb_status_t status = eplb_gpu_load(kind, &gpu->calls);
  if (!status)
    status = eplb_gpu_find_awareness(kind, &gpu->memory.mpi_can_touch);
  if (!status) {
    gpu->memory.name = gpu->calls.kind;
    status = find_device(gpu);
  }
  if (!status)
    status = create_queues(gpu);
  if (!status && !memory)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "memory is NULL");
  if (status) {
    destroy_gpu_memory(gpu);
    return status;
  }
  *memory = &gpu->memory;
  return EPLB_SUCCESS;
}

void eplb_gpu_memory_destroy(eplb_memory_t **memory) {
  if (!memory || !*memory)
    return;
  destroy_gpu_memory((*memory)->self);
  *memory = NULL;
}
