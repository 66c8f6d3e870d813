/* Whether MPI accepts GPU addresses (GPU-aware MPI). */
#ifndef EPLB_MPI_MEMORY_GPU_AWARE_MPI_H
#define EPLB_MPI_MEMORY_GPU_AWARE_MPI_H

#include <eplb/status.h>

/* EPLB_GPU_AWARE decides (yes, no, auto); with auto, or unset, the MPI library's query; without a query: not aware.
 * Local. `kind` is "cuda" or "hip". EPLB_ERR_ARGUMENT names the variable. */
eplb_status_t eplb_gpu_find_awareness(const char *kind, int *is_aware);

#endif
