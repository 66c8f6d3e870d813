/* Whether MPI takes a GPU's addresses. */
#ifndef EPLB_MPI_MEMORY_GPU_AWARE_MPI_H
#define EPLB_MPI_MEMORY_GPU_AWARE_MPI_H

#include <eplb/status.h>

/* As EPLB_GPU_AWARE says (yes, no, auto); else as the MPI library does, where it has a call for that; else not. Local.
 * `kind` is "cuda" or "hip". EPLB_ERR_ARGUMENT names the variable. */
eplb_status_t eplb_gpu_find_awareness(const char *kind, int *is_aware);

#endif
