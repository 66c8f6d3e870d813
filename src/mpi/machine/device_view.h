/* Which accelerators a process may see, as far as that can be told without asking their drivers. */
#ifndef EPLB_MPI_MACHINE_DEVICE_VIEW_H
#define EPLB_MPI_MACHINE_DEVICE_VIEW_H

#include <stdint.h>

/* A hash: processes of a machine with the same one are shown the same by hwloc. It is made of the accelerators' files
 * in /dev; where there are some, of the cgroup, which may deny them; and of hwloc's own variables. */
uint64_t eplb_device_view(void);

#endif
