/* The one way in which ranks agree on how a collective call ended. */
#ifndef EPLB_MPI_COMM_AGREE_H
#define EPLB_MPI_COMM_AGREE_H

#include "mpi/comm/comm.h"

/* The lowest status of any rank, on every rank; if it is a failure, every rank's eplb_last_error() becomes the sentence
 * of the first rank that has it, preceded by its number. A failure of MPI that comm remembers counts as this rank's
 * status. Collective over comm: one allreduce of an int, and two small messages more on failure.
 *
 * EPLB_ERR_MPI as the result breaks comm on every rank; afterwards the call returns EPLB_ERR_MPI at once, without a
 * message. If the agreement itself fails on a rank, that rank takes its own status as the result, because the others
 * most likely succeeded and go on; they learn of it at the next agreement. */
eplb_status_t eplb_agree(eplb_comm_t *comm, eplb_status_t mine);

/* The parts of eplb_agree, for callers whose agreement rides on another message: what this rank has to contribute, and,
 * once all ranks know the lowest status `worst`, a failure, what to do with it: spreads its sentence and returns it.
 * A failure of MPI counts more than any other status of the same rank: the others must not wait for its messages. The
 * first is local, the second collective over comm. */
eplb_status_t eplb_own_status(const eplb_comm_t *comm, eplb_status_t mine);
eplb_status_t eplb_share_failure(eplb_comm_t *comm, eplb_status_t mine, eplb_status_t worst);

/* Whether `here` holds on every rank; not to hold is no failure. If MPI fails on this rank, `here` itself. Collective
 * over comm. */
int eplb_everywhere(eplb_comm_t *comm, int here);

/* eplb_agree over MPI_COMM_WORLD, for programs. */
eplb_status_t eplb_agree_world(eplb_status_t mine);

#endif
