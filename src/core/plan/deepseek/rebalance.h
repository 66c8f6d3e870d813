/* DeepSeek's rebalance_experts, layer by layer. */
#ifndef EPLB_CORE_PLAN_DEEPSEEK_REBALANCE_H
#define EPLB_CORE_PLAN_DEEPSEEK_REBALANCE_H

#include <eplb/planner.h>

/* Plans all layers into `placement`. The devices are planned node by node, so that ranks of a node need not be
 * neighbours. The caller has checked loads and sizes. EPLB_ERR_MEMORY. */
eplb_status_t eplb_deepseek_rebalance(int num_groups, int num_nodes, const eplb_topology_t *topology,
                                      const double *load, eplb_placement_t *placement);

#endif
