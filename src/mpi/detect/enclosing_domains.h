/* From the reports of all ranks to the levels of a topology. */
#ifndef EPLB_MPI_DETECT_ENCLOSING_DOMAINS_H
#define EPLB_MPI_DETECT_ENCLOSING_DOMAINS_H

#include <eplb/detect.h>

/* Builds the topology of rank[num_ranks], in rank order: outer levels from their domains (with `racks` not NULL from
 * that file, unless a rank has EPLB_DOMAIN), "node" from machine and shared_memory, "island" from devices, or NUMA
 * nodes where there are none, if a node has several. Sets node of each rank, and domain_rule to the one that was
 * used. Local, no MPI, no environment. EPLB_ERR_MISMATCH: ranks that tell of different levels, or of one node that
 * is in two domains; those of eplb_read_racks; EPLB_ERR_MEMORY. */
eplb_status_t eplb_build_topology(eplb_rank_info_t *rank, int num_ranks, int slots_per_device, const char *racks,
                                  eplb_topology_t **topology);

#endif
