/* Which accelerators a process may see, as far as that is known without calling their drivers. */
#ifndef EPLB_MPI_MACHINE_DEVICE_VIEW_H
#define EPLB_MPI_MACHINE_DEVICE_VIEW_H

#include <stdint.h>

/* Returns a hash: hwloc shows the same accelerators to processes of a machine with the same hash. Input: the
 * accelerators' files in /dev; if there are any, the cgroup, which may deny them; and hwloc's own variables. */
uint64_t eplb_device_view(void);

#endif
