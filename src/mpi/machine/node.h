/* The ranks that share a node, and what their leader looks up for all of them. */
#ifndef EPLB_MPI_MACHINE_NODE_H
#define EPLB_MPI_MACHINE_NODE_H

#include "mpi/comm/comm.h"
#include <eplb/detect.h>

typedef struct eplb_node {
  eplb_comm_t comm; /* ranks that MPI says can share memory and that are on one machine, in rank order; rank 0 leads */
  eplb_comm_t leaders; /* leaders of all nodes, in rank order; MPI_COMM_NULL on others */
  int rank, num_ranks;
  uint64_t machine, shared_memory; /* the leader's, so that all agree */
  eplb_host_t *host;               /* the leader's description; NULL where that failed */
} eplb_node_t;

/* Splits comm. Collective over comm. EPLB_ERR_MPI, on every rank; *node can be released in any case. */
eplb_status_t eplb_node_split(eplb_comm_t *comm, eplb_node_t *node);

/* Looks at the host: hwloc is loaded by the leader only, because where its backends ask GPU drivers that takes
 * longest. Collective over node->comm. A failure of the leader is its alone; node->host is then NULL everywhere.
 * EPLB_ERR_MEMORY; those of eplb_host_detect on the leader. */
eplb_status_t eplb_node_look(eplb_node_t *node);

void eplb_node_release(eplb_node_t *node);

#endif
