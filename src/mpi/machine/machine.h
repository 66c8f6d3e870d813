/* Detection within a session. */
#ifndef EPLB_MPI_MACHINE_MACHINE_H
#define EPLB_MPI_MACHINE_MACHINE_H

#include "mpi/comm/comm.h"
#include <eplb/detect.h>

/* As eplb_machine_detect, over a communicator that remembers failures of MPI. Collective over comm. */
eplb_status_t eplb_machine_detect_on(eplb_comm_t *comm, int slots_per_device, eplb_machine_t **machine);

#endif
