/* Splits a communicator into parts. */
#ifndef EPLB_MPI_COMM_PART_H
#define EPLB_MPI_COMM_PART_H

#include "mpi/comm/comm.h"
#include <stdint.h>

/* Which memory a rank can share with others. */
typedef struct eplb_memory_id {
  uint64_t machine; /* machine_id.h */
  uint64_t shared;  /* which of the machine's; ranks with the same two can share it */
} eplb_memory_id_t;

/* The ranks of comm that can share memory, in its order: those that MPI_Comm_split_type says can, as far as they are on
 * one machine, and those that see one /dev/shm of one machine, whatever MPI says. *id, unless NULL, becomes the same on
 * all of the part, and another one in each part. Opens this rank's part; failures in it are comm's. Collective over the
 * outermost parent of comm. EPLB_ERR_MPI, EPLB_ERR_MEMORY, on every rank of it: *part is then MPI_COMM_NULL. */
eplb_status_t eplb_part_shared(eplb_comm_t *comm, eplb_comm_t *part, eplb_memory_id_t *id);

/* Splits comm as MPI_Comm_split does, in the order of its ranks, and opens this rank's part; ranks with the colour
 * MPI_UNDEFINED get MPI_COMM_NULL. Failures in the part are comm's. Collective over the outermost parent of comm.
 * EPLB_ERR_MPI, on every rank of it: *part is then MPI_COMM_NULL. */
eplb_status_t eplb_part_split(eplb_comm_t *comm, int colour, eplb_comm_t *part);

#endif
