/* Which of equal devices gets which part of a new placement: so that most experts stay where they are. */
#ifndef EPLB_CORE_PLAN_COMMON_RELABEL_H
#define EPLB_CORE_PLAN_COMMON_RELABEL_H

#include <eplb/placement.h>

typedef struct eplb_relabel {
  const eplb_topology_t *topology;
  int num_experts, num_nodes, node_devices, device_slots;
  int32_t *worth;   /* [largest of num_nodes and node_devices]^2 */
  int32_t *column;  /* the same, once */
  int32_t *node_of; /* [num_nodes]: which old node gets the new one */
  int32_t *count;   /* [num_experts] */
  int32_t *row;     /* [num_slots] */
  void *scratch;
  char *block; /* NULL: devices or nodes are not equal, so nothing can be relabelled */
} eplb_relabel_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_relabel_create(const eplb_topology_t *topology, int num_experts, eplb_relabel_t *relabel);
void eplb_relabel_free(eplb_relabel_t *relabel);

/* Exchanges whole nodes of `row`, and whole devices within them, so that as many replicas as possible stay where
 * `before` has them. */
void eplb_relabel(eplb_relabel_t *relabel, const int32_t *before, int32_t *row);

#endif
