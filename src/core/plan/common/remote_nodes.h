/* How many nodes tokens visit with group-limited routing, under a placement. */
#ifndef EPLB_CORE_PLAN_COMMON_REMOTE_NODES_H
#define EPLB_CORE_PLAN_COMMON_REMOTE_NODES_H

#include <eplb/placement.h>

/* A token picks `token_groups` different groups of `num_groups`, with chances as the product of their loads, and within
 * them `token_experts` times an expert, with chances as the loads. */
typedef struct eplb_group_routing {
  int num_groups, token_groups, token_experts;
} eplb_group_routing_t;

typedef struct eplb_visits {
  double nodes;     /* other than its own, that a token is expected to visit */
  double *off_home; /* [num_nodes], the caller's, or NULL: the part of each node's load that belongs to groups whose
                       largest part is on another node */
} eplb_visits_t;

/* Assumes that replicas of an expert get equal shares, and devices equal numbers of tokens. load[num_experts].
 * EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
eplb_status_t eplb_remote_nodes(const eplb_group_routing_t *routing, const eplb_topology_t *topology,
                                const eplb_placement_t *placement, int layer, const double *load,
                                eplb_visits_t *visits);

#endif
