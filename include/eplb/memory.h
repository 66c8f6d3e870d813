/* Kinds of memory for weights: the host's, or a GPU's, which the processor cannot access. */
#ifndef EPLB_MEMORY_H
#define EPLB_MEMORY_H

#include <eplb/status.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_copy {
  EPLB_COPY_IN,    /* from host memory into this kind */
  EPLB_COPY_OUT,   /* from this kind into host memory */
  EPLB_COPY_WITHIN /* both ends are of this kind */
} eplb_copy_t;

/* Copies are started in queues, numbered from 0 to EPLB_MEMORY_QUEUES - 1. */
enum { EPLB_MEMORY_QUEUES = 128 };

/* A kind of memory: a table of functions, which all get `self`. The library calls them only from the thread that calls
 * the session. A program may supply its own kind: it starts from eplb_memory_init and sets all members. */
typedef struct eplb_memory {
  size_t size;      /* sizeof(eplb_memory_t) */
  const char *name; /* for messages, e.g. "cuda" */
  void *self;
  int mpi_can_touch;  /* 1: MPI accepts its addresses: host memory, or GPU memory if MPI is GPU-aware */
  int host_can_touch; /* 1: the processor can read and write it; copy and test are then not called */

  /* allocate: `bytes` of this kind, for incoming experts. allocate_host: host memory, preferably pinned, for chunks
   * that are sent or received by MPI. EPLB_ERR_MEMORY. release and release_host must accept NULL. */
  eplb_status_t (*allocate)(void *self, size_t bytes, void **memory);
  void (*release)(void *self, void *memory);
  eplb_status_t (*allocate_host)(void *self, size_t bytes, void **memory);
  void (*release_host)(void *self, void *memory);

  /* Starts a copy, which must follow the earlier copies of its queue. The session does not access either end until the
   * copy is done. If copy or test fails, no copy of the queue must be under way when it returns: the session may then
   * free both ends. */
  eplb_status_t (*copy)(void *self, int queue, void *to, const void *from, size_t bytes, eplb_copy_t direction);

  /* Sets *done to 1 if all copies of this queue are done, else to 0. Must not wait. */
  eplb_status_t (*test)(void *self, int queue, int *done);
} eplb_memory_t;

/* Sets the size, and all else to 0. */
static inline void eplb_memory_init(eplb_memory_t *memory) {
  memset(memory, 0, sizeof *memory);
  memory->size = sizeof *memory;
}

/* Creates the memory kind of this thread's current GPU. Its runtime library is loaded now, so that one binary serves
 * machines with and without GPUs. `kind` is "cuda" (libcudart.so.13, .12, .11.0) or "hip" (libamdhip64.so.7, .6, .5);
 * The environment variables EPLB_CUDA_LIBRARY and EPLB_HIP_LIBRARY may name another file. MPI gets GPU addresses if it
 * reports that it accepts them (MPIX_Query_cuda_support, MPIX_Query_rocm_support, MPIX_GPU_query_support), or as
 * EPLB_GPU_AWARE says (yes, no, auto); else weights go through pinned host buffers. Copies use their own stream, which
 * does not wait for the job's streams: the job's kernels must have finished writing slots before eplb_rebalance_begin
 * and reading them before eplb_rebalance_commit, and the GPU must be the current device in all calls of the session.
 * Tested with a fake runtime library only: no real GPU has run it yet. Local. The caller owns *memory, which must
 * outlive the sessions that use it. EPLB_ERR_ARGUMENT: another kind, or a wrong EPLB_GPU_AWARE; EPLB_ERR_UNSUPPORTED:
 * no library, a missing call, or no device; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_gpu_memory_create(const char *kind, eplb_memory_t **memory);

/* Frees *memory and sets it to NULL; it may be NULL. Sessions that use it must be destroyed before. Local. */
EPLB_PUBLIC void eplb_gpu_memory_destroy(eplb_memory_t **memory);

#ifdef __cplusplus
}
#endif
#endif
