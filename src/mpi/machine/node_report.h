/* The message of one node to rank 0: its host, and a report for each rank. */
#ifndef EPLB_MPI_MACHINE_NODE_REPORT_H
#define EPLB_MPI_MACHINE_NODE_REPORT_H

#include <eplb/detect.h>

/* One rank's report, without what all ranks of its node have in common. */
typedef struct eplb_rank_report {
  int32_t rank, local_rank, package, numa, num_pus, device_rule, device_index, domain_rule;
  int16_t partition, num_partitions;
  uint64_t machine, shared_memory;
  char domain[EPLB_DOMAIN_PATH_MAX], note[EPLB_NOTE_MAX], uuid[EPLB_UUID_MAX];
} eplb_rank_report_t;

void eplb_report_from_info(const eplb_rank_info_t *info, eplb_rank_report_t *report);

/* How long a node's message is, and writing it. */
size_t eplb_node_report_size(const eplb_host_t *host, int num_ranks);
void eplb_node_report_write(const eplb_host_t *host, const eplb_rank_report_t *report, int num_ranks, char *bytes);

/* Reads one message: sets rank[report.rank] of each of its ranks, and *host, which the caller owns. EPLB_ERR_MEMORY. */
eplb_status_t eplb_node_report_read(const char *bytes, eplb_rank_info_t *rank, eplb_host_t **host);

/* The first rank of a message: the node's leader. */
int eplb_node_report_leader(const char *bytes);

#endif
