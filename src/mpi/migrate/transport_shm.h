/* Messages through the memory that ranks of a node share. */
#ifndef EPLB_MPI_MIGRATE_TRANSPORT_SHM_H
#define EPLB_MPI_MIGRATE_TRANSPORT_SHM_H

#include "mpi/migrate/migration.h"

/* Sorts the flight's incoming by neighbour and tag, so that a letter finds its own. */
void eplb_letters_start(eplb_mover_t *mover);

/* Puts the next chunk of an open message into a cell, if there is one and the chunk has come; whether it could. */
int eplb_letters_send(eplb_mover_t *mover, eplb_outgoing_t *out);

/* Takes what has come from all neighbours; whether there was any. */
int eplb_letters_receive(eplb_mover_t *mover);

#endif
