/* A FAKE of CUDA's and HIP's runtime libraries: no GPU is behind it. Its device memory is the host's, guarded against
 * everybody but its own copies; a copy happens only when its event has been asked for twice and once more, as late as a
 * runtime may see it. */
#ifndef TESTS_FAKE_CUDA_H
#define TESTS_FAKE_CUDA_H

#include <eplb/status.h>

/* How many devices it counts; fewer than 0: the count fails with error 35, as it does where there is no driver. At
 * first 1. */
EPLB_PUBLIC void fake_cuda_set_devices(int count);

/* Lets `successes` of this call, e.g. "MemcpyAsync", succeed and makes the next one fail; NULL: none fails. */
EPLB_PUBLIC void fake_cuda_fail_after(const char *call, long successes);
EPLB_PUBLIC int fake_cuda_failures(void);

/* 1: device memory that is allocated from now on can be touched, as a GPU-aware MPI can. */
EPLB_PUBLIC void fake_cuda_open_memory(int is_open);

/* Allocations, streams and events that are not yet given back; copies that were started and not done; errors kept for
 * cudaGetLastError. */
EPLB_PUBLIC long fake_cuda_live(void);
EPLB_PUBLIC int fake_cuda_pending(void);
EPLB_PUBLIC int fake_cuda_last_error(void);

#endif
