/* Whether MPI accepts GPU addresses: asks the MPI library at run time, Open MPI and MPICH each by its own call. */
#include "mpi/memory/gpu_aware_mpi.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Both calls below are found at run time: not every version of the libraries has them, and then the answer is no. */
static void find_symbol(const char *name, void *call, size_t size) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  memcpy(call, &symbol, size); /* C has no cast from an object to a function */
}

/* Open MPI and its derivatives. */
static int open_mpi_says(int is_cuda) {
  int (*query)(void);
  find_symbol(is_cuda ? "MPIX_Query_cuda_support" : "MPIX_Query_rocm_support", &query, sizeof query);
  return query && query() == 1;
}

/* MPICH and its derivatives; 0 stands for CUDA, 2 for HIP. */
static int mpich_says(int is_cuda) {
  int (*query)(int type, int *is_supported), is_supported = 0;
  find_symbol("MPIX_GPU_query_support", &query, sizeof query);
  return query && query(is_cuda ? 0 : 2, &is_supported) == 0 && is_supported;
}

eplb_status_t eplb_gpu_find_awareness(const char *kind, int *is_aware) {
  const char *setting = getenv("EPLB_GPU_AWARE");
  int is_auto = !setting || !strcmp(setting, "auto"), is_cuda = !strcmp(kind, "cuda");
  if (!is_auto && strcmp(setting, "yes") && strcmp(setting, "no"))
    return eplb_fail(EPLB_ERR_ARGUMENT, "environment variable EPLB_GPU_AWARE is \"%s\"; expected yes, no or auto",
                     setting);
  *is_aware = is_auto ? open_mpi_says(is_cuda) || mpich_says(is_cuda) : !strcmp(setting, "yes");
  return EPLB_SUCCESS;
}
