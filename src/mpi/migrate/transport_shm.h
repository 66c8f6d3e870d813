/* Messages through the memory that ranks of a node share. */
#ifndef EPLB_MPI_MIGRATE_TRANSPORT_SHM_H
#define EPLB_MPI_MIGRATE_TRANSPORT_SHM_H

#include "mpi/migrate/migration.h"

/* Sorts the round's incoming by neighbour and tag, so that a message finds its own. */
void eplb_transport_shm_start(eplb_migration_t *migration);

/* Puts the next chunk of an open message into a cell, if there is one and the chunk has come; whether it could. */
int eplb_transport_shm_send(eplb_migration_t *migration, eplb_outgoing_t *out);

/* Takes what has come from all neighbours; whether there was any. */
int eplb_transport_shm_receive(eplb_migration_t *migration);

#endif
