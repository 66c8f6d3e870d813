/* The ranks of one node, and what they detect once for all of them. */
#ifndef EPLB_MPI_MACHINE_NODE_H
#define EPLB_MPI_MACHINE_NODE_H

#include "mpi/comm/split.h"
#include <eplb/detect.h>

typedef struct eplb_node {
  eplb_comm_t comm;    /* ranks that are on one machine and can share memory (split.h), in rank order; rank 0 leads */
  eplb_comm_t leaders; /* leaders of all nodes, in rank order; MPI_COMM_NULL on others */
  eplb_comm_t view; /* those of `comm` that see the same accelerators; MPI_COMM_NULL where all ranks of all nodes do */
  int rank, num_ranks;
  int place;           /* among those of `view` that have the same lists of visible devices */
  int num_processes;   /* how many these are, if the launcher started more processes on the node; else 0 */
  int *process;        /* [num_processes]: the launcher's number of each on the node */
  eplb_memory_id_t id; /* the leader's, so that all agree */
  eplb_host_t *host;   /* the node, with the accelerators of all views; NULL if detection failed */
  eplb_host_t *seen;   /* what this rank's view shows; NULL: the same as `host` */
  int *in_host;        /* [seen->num_accelerators]: where each is in `host`; NULL without `seen` */
} eplb_node_t;

/* Splits comm. Collective over comm. EPLB_ERR_MPI, EPLB_ERR_MEMORY, on every rank; *node can be released in any case.
 * */
eplb_status_t eplb_node_split(eplb_comm_t *comm, eplb_node_t *node);

/* Detects the host. Only the first rank of each view loads hwloc, whose backends for GPU drivers are slow. Collective
 * over node->comm. A failure of that rank is its alone; node->host is then NULL on all of the node. EPLB_ERR_MEMORY;
 * those of eplb_host_detect on the first rank of a view. */
eplb_status_t eplb_node_inspect(eplb_node_t *node);

/* Finds this rank's device: that of *info, and its place in node->host. Local. Those of eplb_rank_device. */
eplb_status_t eplb_node_find_device(const eplb_node_t *node, eplb_rank_info_t *info);

void eplb_node_release(eplb_node_t *node);

#endif
