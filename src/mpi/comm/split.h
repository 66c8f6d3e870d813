/* Splits a communicator: the ranks that can share memory, or the ranks of a colour. */
#ifndef EPLB_MPI_COMM_SPLIT_H
#define EPLB_MPI_COMM_SPLIT_H

#include "mpi/comm/comm.h"
#include <stdint.h>

/* Which memory a rank can share with others. */
typedef struct eplb_memory_id {
  uint64_t machine; /* machine_id.h */
  uint64_t shared;  /* which of the machine's; ranks with the same two can share it */
} eplb_memory_id_t;

/* The ranks of comm that can share memory, in its order: those of one machine that MPI_Comm_split_type puts together,
 * and those of one machine that see the same /dev/shm, whatever MPI says. *id, unless NULL, becomes the same on all
 * ranks of a subcommunicator and differs between them. Opens this rank's subcommunicator; its failures are comm's.
 * Collective over the outermost parent of comm. EPLB_ERR_MPI, EPLB_ERR_MEMORY, on every rank of it: *subcomm is then
 * MPI_COMM_NULL. */
eplb_status_t eplb_comm_split_shared(eplb_comm_t *comm, eplb_comm_t *subcomm, eplb_memory_id_t *id);

/* Splits comm as MPI_Comm_split does, in the order of its ranks, and opens this rank's subcommunicator; ranks with the
 * colour MPI_UNDEFINED get MPI_COMM_NULL. Its failures are comm's. Collective over the outermost parent of comm.
 * EPLB_ERR_MPI, on every rank of it: *subcomm is then MPI_COMM_NULL. */
eplb_status_t eplb_comm_split(eplb_comm_t *comm, int colour, eplb_comm_t *subcomm);

#endif
