/* Messages by MPI. */
#ifndef EPLB_MPI_MIGRATE_TRANSPORT_MPI_H
#define EPLB_MPI_MIGRATE_TRANSPORT_MPI_H

#include "mpi/migrate/migration.h"

/* Posts what can be of an open message: chunks in order, as inflight_chunks are idle and, where it is passed on, as
 * they have come. */
void eplb_transport_mpi_receive(eplb_migration_t *migration, eplb_incoming_t *in);
void eplb_transport_mpi_send(eplb_migration_t *migration, eplb_outgoing_t *out);

/* Takes note of copies and messages that are done; whether there were any. */
int eplb_transport_mpi_progress(eplb_migration_t *migration);

/* Gives up all messages that are on the way, after a failure of MPI: receives are cancelled, and what MPI does not let go
 * is left to it (migration->is_lost). Local. */
void eplb_transport_mpi_abandon(eplb_migration_t *migration);

/* Whether all inflight_chunks of a message, from `first` on, are idle. */
int eplb_transport_mpi_are_idle(const eplb_migration_t *migration, int first);

#endif
