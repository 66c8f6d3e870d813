/* What tells machines apart, whatever hosts and containers are called. */
#ifndef EPLB_MPI_COMM_MACHINE_ID_H
#define EPLB_MPI_COMM_MACHINE_ID_H

#include <stdint.h>

/* The same in all containers of a machine, and another one on each machine and after each boot; 0 where the system
 * has none. */
uint64_t eplb_machine_id(void);

/* The same for processes of a machine that see one /dev/shm; 0 where there is none. */
uint64_t eplb_shm_identity(void);

#endif
