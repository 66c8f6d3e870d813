/* Identifies a machine independently of the names of hosts and containers. */
#ifndef EPLB_MPI_COMM_MACHINE_ID_H
#define EPLB_MPI_COMM_MACHINE_ID_H

#include <stdint.h>

/* The same in all containers of a machine; different on each machine and after each boot; 0 if the system has none. */
uint64_t eplb_machine_id(void);

/* The same for processes of a machine that see the same /dev/shm; 0 if there is none. */
uint64_t eplb_shm_identity(void);

#endif
