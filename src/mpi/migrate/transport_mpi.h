/* Messages by MPI. */
#ifndef EPLB_MPI_MIGRATE_TRANSPORT_MPI_H
#define EPLB_MPI_MIGRATE_TRANSPORT_MPI_H

#include "mpi/migrate/migration.h"

/* Posts what can be of an open message: chunks in order, as lanes are idle and, where it is passed on, as they have
 * come. */
void eplb_lanes_receive(eplb_mover_t *mover, eplb_incoming_t *in);
void eplb_lanes_send(eplb_mover_t *mover, eplb_outgoing_t *out);

/* Takes note of copies and messages that are done; whether there were any. */
int eplb_lanes_progress(eplb_mover_t *mover);

/* Whether all lanes of a message, from `first` on, are idle. */
int eplb_lanes_are_idle(const eplb_mover_t *mover, int first);

#endif
