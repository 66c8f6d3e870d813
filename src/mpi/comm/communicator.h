/* Whether a communicator can be used at all. */
#ifndef EPLB_MPI_COMM_COMMUNICATOR_H
#define EPLB_MPI_COMM_COMMUNICATOR_H

#include <eplb/status.h>
#include <mpi.h>

/* EPLB_ERR_ARGUMENT: comm is MPI_COMM_NULL or an intercommunicator. Local; every rank of comm comes to the same. */
eplb_status_t eplb_communicator_check(MPI_Comm comm);

#endif
