/* A FAKE of NVIDIA's management library: no GPU is behind it. */
#ifndef TESTS_FAKE_NVML_H
#define TESTS_FAKE_NVML_H

#include <eplb/status.h>

/* Which GPUs it shows: PCI bus ids, with spaces between; "/2" behind one gives it two MIG devices, "@7.1" a fabric of
 * clique 1 in a cluster whose UUID is sixteen times 7. NULL: it cannot be initialized, as where there is no driver,
 * unless the environment variable FAKE_NVML says the same. */
EPLB_PUBLIC void fake_nvml_show(const char *gpus);

/* 1: it knows only the older of the two calls that tell fabrics. */
EPLB_PUBLIC void fake_nvml_be_old(int is_old);

/* How many more times it was initialized than shut down. */
EPLB_PUBLIC int fake_nvml_open(void);

#endif
