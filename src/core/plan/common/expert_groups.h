/* Whole expert groups to whole nodes: the first step of the hierarchical policy. */
#ifndef EPLB_CORE_PLAN_COMMON_EXPERT_GROUPS_H
#define EPLB_CORE_PLAN_COMMON_EXPERT_GROUPS_H

#include <eplb/topology.h>
#include <stdint.h>

typedef struct eplb_expert_groups {
  int num_groups, num_experts;
  int32_t *size;    /* [num_groups] experts */
  int32_t *node;    /* [num_groups]: which node holds it */
  int32_t *owner;   /* [num_experts]: the same of its experts */
  double *load;     /* [num_groups] */
  double *speed;    /* [num_nodes] */
  double *time;     /* [num_nodes] */
  int32_t *room;    /* [num_nodes]: slots less experts */
  int32_t *members; /* [num_nodes]: groups */
  int32_t *order;   /* [num_groups] */
  char *block;
} eplb_expert_groups_t;

/* The group of an expert: consecutive experts; sizes differ by one at most. */
static inline int eplb_group_of(int expert, int num_experts, int num_groups) {
  return (int)((int64_t)expert * num_groups / num_experts);
}

/* EPLB_ERR_SHAPE: fewer groups than nodes; EPLB_ERR_MEMORY. */
eplb_status_t eplb_expert_groups_create(const eplb_topology_t *topology, int num_experts, int num_groups,
                                        eplb_expert_groups_t *groups);
void eplb_expert_groups_free(eplb_expert_groups_t *groups);

/* Fills node and owner: heaviest group first to the node that is lightest for its speed and has room; then groups move
 * or change places while that lowers the busiest node. EPLB_ERR_SHAPE: they do not fit. */
eplb_status_t eplb_expert_groups_deal(eplb_expert_groups_t *groups, const eplb_topology_t *topology,
                                      const double *load);

/* The two steps of that, for who knows the nodes already: no group anywhere and loads added up; a group put on a
 * node. */
void eplb_expert_groups_clear(eplb_expert_groups_t *groups, const eplb_topology_t *topology, const double *load);
void eplb_expert_groups_put(eplb_expert_groups_t *groups, int group, int node);

#endif
