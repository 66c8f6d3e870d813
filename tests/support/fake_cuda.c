#include "fake_cuda.h"
#include "pages.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 4096, MOST_COPIES = 4096, ASKED_IN_VAIN = 2 };
enum { INVALID = 1, NO_MEMORY = 2, NO_DRIVER = 35, NOT_READY = 600, INJECTED = 719 };

typedef struct block {
  char *begin;
  size_t bytes;
} block_t;

typedef struct pending {
  void *to;
  const void *from;
  size_t bytes;
} pending_t;

typedef struct event {
  long copies; /* that come before it */
  int asked;
} event_t;

static struct {
  int devices, is_open, failures, last_error;
  const char *call;
  long successes, live;
  block_t block[MOST_BLOCKS]; /* of the device, guarded */
  int num_blocks, num_pending;
  pending_t pending[MOST_COPIES];
  long started, done; /* copies */
} fake = {.devices = 1};

/* ---- what the test asks for ---- */

void fake_cuda_set_devices(int count) {
  fake.devices = count;
}

void fake_cuda_fail_after(const char *call, long successes) {
  fake.call = call;
  fake.successes = successes;
  fake.failures = 0;
}

int fake_cuda_failures(void) {
  return fake.failures;
}

void fake_cuda_open_memory(int is_open) {
  fake.is_open = is_open;
}

long fake_cuda_live(void) {
  return fake.live;
}

int fake_cuda_pending(void) {
  return fake.num_pending;
}

int fake_cuda_last_error(void) {
  return fake.last_error;
}

/* ---- the calls, first as CUDA has them ---- */

static int end(int error) {
  if (error)
    fake.last_error = error;
  return error;
}

static int fails(const char *call) {
  if (!fake.call || strcmp(call, fake.call) || fake.successes-- > 0)
    return 0;
  fake.call = NULL;
  fake.failures++;
  return end(INJECTED);
}

EPLB_PUBLIC int cudaGetDeviceCount(int *count);
int cudaGetDeviceCount(int *count) {
  if (fake.devices < 0)
    return end(NO_DRIVER); /* and leaves the count unset */
  *count = fake.devices;
  return 0;
}

EPLB_PUBLIC int cudaMalloc(void **memory, size_t bytes);
int cudaMalloc(void **memory, size_t bytes) {
  if (fails("Malloc"))
    return INJECTED;
  char *begin = fake.num_blocks < MOST_BLOCKS ? pages_new(bytes) : NULL;
  if (!begin)
    return end(NO_MEMORY);
  if (fake.is_open)
    pages_open(begin, bytes);
  else
    fake.block[fake.num_blocks++] = (block_t){begin, bytes};
  fake.live++;
  *memory = begin;
  return 0;
}

EPLB_PUBLIC int cudaFree(void *memory);
int cudaFree(void *memory) {
  for (int b = 0; b < fake.num_blocks; b++)
    if (fake.block[b].begin == memory)
      fake.block[b] = fake.block[--fake.num_blocks];
  fake.live--;
  pages_free(memory);
  return 0;
}

EPLB_PUBLIC int cudaHostAlloc(void **memory, size_t bytes, unsigned flags);
int cudaHostAlloc(void **memory, size_t bytes, unsigned flags) {
  if (fails("HostAlloc"))
    return INJECTED;
  void *got = flags ? NULL : malloc(bytes);
  if (!got)
    return end(flags ? INVALID : NO_MEMORY);
  fake.live++;
  *memory = got;
  return 0;
}

EPLB_PUBLIC int cudaFreeHost(void *memory);
int cudaFreeHost(void *memory) {
  fake.live--;
  free(memory);
  return 0;
}

static int create(const char *call, void **made, unsigned flags, unsigned expected) {
  if (fails(call))
    return INJECTED;
  *made = flags == expected ? calloc(1, sizeof(event_t)) : NULL;
  fake.live += *made != NULL;
  return *made ? 0 : end(INVALID);
}

static int destroy(void *made) {
  fake.live--;
  free(made);
  return 0;
}

EPLB_PUBLIC int cudaStreamCreateWithFlags(void **stream, unsigned flags);
int cudaStreamCreateWithFlags(void **stream, unsigned flags) {
  return create("StreamCreateWithFlags", stream, flags, 1);
}

EPLB_PUBLIC int cudaStreamDestroy(void *stream);
int cudaStreamDestroy(void *stream) {
  return destroy(stream);
}

EPLB_PUBLIC int cudaEventCreateWithFlags(void **event, unsigned flags);
int cudaEventCreateWithFlags(void **event, unsigned flags) {
  return create("EventCreateWithFlags", event, flags, 2);
}

EPLB_PUBLIC int cudaEventDestroy(void *event);
int cudaEventDestroy(void *event) {
  return destroy(event);
}

EPLB_PUBLIC int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream);
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  if (fails("MemcpyAsync"))
    return INJECTED;
  if (kind != 4 || !stream || fake.num_pending == MOST_COPIES)
    return end(INVALID);
  fake.pending[fake.num_pending++] = (pending_t){to, from, bytes};
  fake.started++;
  return 0;
}

EPLB_PUBLIC int cudaEventRecord(void *event, void *stream);
int cudaEventRecord(void *event, void *stream) {
  if (fails("EventRecord"))
    return INJECTED;
  *(event_t *)event = (event_t){fake.started, 0};
  return stream ? 0 : end(INVALID);
}

static int is_guarded(const void *address) {
  for (int b = 0; b < fake.num_blocks; b++)
    if ((uintptr_t)address - (uintptr_t)fake.block[b].begin < fake.block[b].bytes)
      return 1;
  return 0;
}

static void do_copy(const pending_t *p) {
  size_t to_bytes = is_guarded(p->to) ? p->bytes : 0, from_bytes = is_guarded(p->from) ? p->bytes : 0;
  pages_open(p->to, to_bytes);
  pages_open(p->from, from_bytes);
  memcpy(p->to, p->from, p->bytes);
  pages_close(p->to, to_bytes);
  pages_close(p->from, from_bytes);
}

/* The first `copies` of all that were ever started are done now. */
static void do_copies(long copies) {
  int ready = (int)(copies - fake.done);
  for (int i = 0; i < ready; i++)
    do_copy(&fake.pending[i]);
  fake.num_pending -= ready;
  memmove(fake.pending, fake.pending + ready, (size_t)fake.num_pending * sizeof *fake.pending);
  fake.done = copies;
}

EPLB_PUBLIC int cudaEventQuery(void *event);
int cudaEventQuery(void *event) {
  event_t *e = event;
  if (fails("EventQuery"))
    return INJECTED;
  if (e->copies <= fake.done)
    return 0;
  if (e->asked++ < ASKED_IN_VAIN)
    return end(NOT_READY);
  do_copies(e->copies);
  return 0;
}

EPLB_PUBLIC int cudaStreamSynchronize(void *stream);
int cudaStreamSynchronize(void *stream) {
  do_copies(fake.started);
  return stream ? 0 : end(INVALID);
}

EPLB_PUBLIC int cudaGetLastError(void);
int cudaGetLastError(void) {
  int error = fake.last_error;
  fake.last_error = 0;
  return error;
}

EPLB_PUBLIC const char *cudaGetErrorString(int error);
const char *cudaGetErrorString(int error) {
  return error == NO_DRIVER ? "the fake library has no driver" : "the fake library was told to fail";
}

/* ---- the same by HIP's names ---- */

#define SAME_AS(name) __attribute__((alias(#name), visibility("default")))
int hipGetDeviceCount(int *count) SAME_AS(cudaGetDeviceCount);
int hipMalloc(void **memory, size_t bytes) SAME_AS(cudaMalloc);
int hipFree(void *memory) SAME_AS(cudaFree);
int hipHostMalloc(void **memory, size_t bytes, unsigned flags) SAME_AS(cudaHostAlloc);
int hipHostFree(void *memory) SAME_AS(cudaFreeHost);
int hipMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) SAME_AS(cudaMemcpyAsync);
int hipStreamCreateWithFlags(void **stream, unsigned flags) SAME_AS(cudaStreamCreateWithFlags);
int hipStreamDestroy(void *stream) SAME_AS(cudaStreamDestroy);
int hipStreamSynchronize(void *stream) SAME_AS(cudaStreamSynchronize);
int hipEventCreateWithFlags(void **event, unsigned flags) SAME_AS(cudaEventCreateWithFlags);
int hipEventDestroy(void *event) SAME_AS(cudaEventDestroy);
int hipEventRecord(void *event, void *stream) SAME_AS(cudaEventRecord);
int hipEventQuery(void *event) SAME_AS(cudaEventQuery);
int hipGetLastError(void) SAME_AS(cudaGetLastError);
const char *hipGetErrorString(int error) SAME_AS(cudaGetErrorString);
