/* Communicators of some of the ranks of another. */
#ifndef EPLB_MPI_COMM_PART_H
#define EPLB_MPI_COMM_PART_H

#include "mpi/comm/comm.h"

/* Splits comm as MPI_Comm_split_type(MPI_COMM_TYPE_SHARED) and MPI_Comm_split do, in the order of its ranks, and opens
 * this rank's part; ranks with the colour MPI_UNDEFINED get MPI_COMM_NULL. Failures in the part are comm's. Collective
 * over the outermost parent of comm, all of whose ranks must know that the split succeeded before one of them uses its
 * part. EPLB_ERR_MPI, on every rank of it: *part is then MPI_COMM_NULL. */
eplb_status_t eplb_part_shared(eplb_comm_t *comm, eplb_comm_t *part);
eplb_status_t eplb_part_split(eplb_comm_t *comm, int colour, eplb_comm_t *part);

#endif
