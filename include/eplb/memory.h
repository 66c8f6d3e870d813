/* Where weights live: in the host's memory, or in a GPU's, which the processor cannot touch. */
#ifndef EPLB_MEMORY_H
#define EPLB_MEMORY_H

#include <eplb/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eplb_copy {
  EPLB_COPY_IN,    /* from the host's memory into this one */
  EPLB_COPY_OUT,   /* from this one into the host's */
  EPLB_COPY_WITHIN /* both ends are of this one */
} eplb_copy_t;

/* Copies are started in queues, numbered from 0 to EPLB_MEMORY_QUEUES - 1. */
enum { EPLB_MEMORY_QUEUES = 128 };

/* A kind of memory: a table of functions, which all get `self`. The library calls them from the thread that calls the
 * session, never from another. A program may bring a kind of its own. */
typedef struct eplb_memory {
  size_t size;      /* sizeof(eplb_memory_t) */
  const char *name; /* for messages, e.g. "cuda" */
  void *self;
  int mpi_can_touch;  /* 1: its addresses can be given to MPI: the host's own, or a GPU's where MPI is GPU-aware */
  int host_can_touch; /* 1: the processor can read and write it; the copies below are then not used */

  /* `bytes` of this kind, for incoming experts; and of the host's, best pinned, for chunks on their way to and from
   * MPI. EPLB_ERR_MEMORY. release and release_host take NULL. */
  eplb_status_t (*allocate)(void *self, size_t bytes, void **memory);
  void (*release)(void *self, void *memory);
  eplb_status_t (*allocate_host)(void *self, size_t bytes, void **memory);
  void (*release_host)(void *self, void *memory);

  /* Starts a copy, after those started before in this queue. Neither end is touched by others until it is done. Where
   * this or `test` fails, no copy of the queue may be under way any more when it returns: the session may free both
   * ends next. */
  eplb_status_t (*copy)(void *self, int queue, void *to, const void *from, size_t bytes, eplb_copy_t direction);

  /* In *done: 1 if all copies of this queue are done, else 0; does not wait. */
  eplb_status_t (*test)(void *self, int queue, int *done);
} eplb_memory_t;

/* The memory of the GPU that is this thread's current device, by its runtime library, which is loaded here: one binary
 * serves machines with and without. `kind` is "cuda" (libcudart.so.13, .12, .11.0) or "hip" (libamdhip64.so.7, .6, .5);
 * EPLB_CUDA_LIBRARY and EPLB_HIP_LIBRARY may name another file. MPI is given the GPU's addresses if it says that it
 * takes them (MPIX_Query_cuda_support, MPIX_Query_rocm_support, MPIX_GPU_query_support), or as EPLB_GPU_AWARE says
 * (yes, no, auto); else weights go through pinned buffers of the host. Copies are in a stream of their own, which does
 * not wait for the job's: what the job's kernels write into slots must be complete before eplb_rebalance_begin, what
 * they read before eplb_rebalance_commit, and that device must be current in all calls of the session. No real GPU has
 * run this yet: it is tested with a fake runtime library only. Local. The caller owns *memory, also after sessions that
 * use it are destroyed. EPLB_ERR_ARGUMENT: another kind, or EPLB_GPU_AWARE; EPLB_ERR_UNSUPPORTED: no library, a call
 * that it lacks, no device; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_gpu_memory_create(const char *kind, eplb_memory_t **memory);

/* Frees *memory and sets it NULL; NULL is fine. Sessions that use it are destroyed before. */
EPLB_PUBLIC void eplb_gpu_memory_destroy(eplb_memory_t **memory);

#ifdef __cplusplus
}
#endif
#endif
