/* Builds the levels of a topology from the reports of all ranks. */
#ifndef EPLB_MPI_DETECT_ENCLOSING_DOMAINS_H
#define EPLB_MPI_DETECT_ENCLOSING_DOMAINS_H

#include <eplb/detect.h>

/* Options from the job's environment, for all ranks. */
typedef struct eplb_domain_options {
  const char *racks;      /* a file of hosts' domains, or NULL */
  const char *node_level; /* the level that planners take for the node, or NULL: as below */
} eplb_domain_options_t;

/* Builds the topology of rank[num_ranks], in rank order: outer levels from their domains (or from options->racks,
 * unless a rank has EPLB_DOMAIN), "nvlink" if the fabrics of all accelerators are known and span nodes, "node" from
 * machine and shared_memory, "island" from devices, or from NUMA nodes without devices, if a node has several. The
 * planners' node is "nvlink" if that level exists, else "node". Sets *host_level to the level "node", node of each rank
 * to its domain there, and domain_rule to the one that was used. Local, no MPI, no environment. EPLB_ERR_ARGUMENT: no
 * level is called options->node_level; EPLB_ERR_MISMATCH: ranks have different levels, or one node is in two domains;
 * those of eplb_read_racks; EPLB_ERR_MEMORY. */
eplb_status_t eplb_build_topology(eplb_rank_info_t *rank, int num_ranks, int slots_per_device,
                                  const eplb_domain_options_t *options, eplb_topology_t **topology, int *host_level);

#endif
