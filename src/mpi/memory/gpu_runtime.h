/* The calls of a GPU runtime library that migration needs. CUDA's and HIP's calls differ only in their prefix, so one
 * table serves both. The library is loaded at run time: building needs no CUDA or HIP header or library. */
#ifndef EPLB_MPI_MEMORY_GPU_RUNTIME_H
#define EPLB_MPI_MEMORY_GPU_RUNTIME_H

#include <eplb/status.h>
#include <stddef.h>

/* Values of the enumerations of both libraries. */
enum { EPLB_GPU_COPY_DEFAULT = 4, EPLB_GPU_NON_BLOCKING = 1, EPLB_GPU_NO_TIMING = 2, EPLB_GPU_NOT_READY = 600 };

typedef struct eplb_gpu_runtime {
  const char *kind; /* "cuda" or "hip" */
  void *library;
  int (*get_device_count)(int *count);
  int (*allocate)(void **memory, size_t bytes);
  int (*release)(void *memory);
  int (*allocate_host)(void **memory, size_t bytes, unsigned flags);
  int (*release_host)(void *memory);
  int (*copy)(void *to, const void *from, size_t bytes, int kind, void *stream);
  int (*create_stream)(void **stream, unsigned flags);
  int (*destroy_stream)(void *stream);
  int (*wait_for_stream)(void *stream);
  int (*create_event)(void **event, unsigned flags);
  int (*destroy_event)(void *event);
  int (*record_event)(void *event, void *stream);
  int (*query_event)(void *event);
  int (*get_last_error)(void);
  const char *(*get_error_string)(int error);
} eplb_gpu_runtime_t;

/* Loads the runtime library of "cuda" or "hip": the file that EPLB_CUDA_LIBRARY or EPLB_HIP_LIBRARY names, or the
 * newest of those known. Local. EPLB_ERR_ARGUMENT: another kind; EPLB_ERR_UNSUPPORTED: no library, or one without a
 * call. */
eplb_status_t eplb_gpu_load(const char *kind, eplb_gpu_runtime_t *calls);
void eplb_gpu_unload(eplb_gpu_runtime_t *calls);

/* Turns what a call has returned into a status: EPLB_ERR_UNSUPPORTED, with what was tried and the library's own words,
 * unless it is 0. Clears the runtime's last error, so that the job does not take it for its own. */
eplb_status_t eplb_gpu_explain(const eplb_gpu_runtime_t *calls, int error, const char *tried);

#endif
