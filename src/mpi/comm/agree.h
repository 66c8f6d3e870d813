/* The one way in which ranks agree on how a collective call ended. */
#ifndef EPLB_MPI_COMM_AGREE_H
#define EPLB_MPI_COMM_AGREE_H

#include <eplb/status.h>
#include <mpi.h>

/* The lowest status of any rank, on every rank; if it is a failure, every rank's eplb_last_error() becomes the sentence
 * of the first rank that has it, preceded by its number. Collective over comm: one allreduce of an int, and two small
 * messages more on failure. */
eplb_status_t eplb_agree(MPI_Comm comm, eplb_status_t mine);

/* For callers whose agreement rode on another message: all ranks know already that the lowest status is `worst`.
 * Spreads its sentence as above and returns `worst`. Collective over comm. */
eplb_status_t eplb_share_failure(MPI_Comm comm, eplb_status_t mine, eplb_status_t worst);

/* Whether `here` holds on every rank, where that is no failure. Collective over comm. */
int eplb_everywhere(MPI_Comm comm, int here);

#endif
