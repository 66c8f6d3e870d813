/* Gathers the reports of all nodes on rank 0. */
#ifndef EPLB_MPI_MACHINE_GATHER_H
#define EPLB_MPI_MACHINE_GATHER_H

#include "mpi/machine/node.h"

/* The reports of all ranks, on rank 0. */
typedef struct eplb_gathered {
  eplb_rank_info_t *rank; /* [num_ranks] */
  eplb_host_t **host;     /* [num_hosts], as their leaders described them */
  int *leader;            /* [num_hosts]: their leaders' ranks */
  int num_hosts;
  size_t bytes;
} eplb_gathered_t;

/* Each leader gathers its node and sends one message. Collective over comm; `mine` is this rank's status so far. On
 * success *gathered is filled on rank 0 and untouched elsewhere; rank 0 owns it. On failure every rank returns the
 * same. */
eplb_status_t eplb_gather(eplb_comm_t *comm, eplb_node_t *node, const eplb_rank_info_t *info, eplb_status_t mine,
                          eplb_gathered_t *gathered);
void eplb_gathered_release(eplb_gathered_t *gathered);

#endif
