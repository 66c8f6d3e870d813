/* The deepseek planner: what it accepts, and its row of the planner table. */
#ifndef EPLB_CORE_PLAN_DEEPSEEK_DEEPSEEK_PLANNER_H
#define EPLB_CORE_PLAN_DEEPSEEK_DEEPSEEK_PLANNER_H

#include "core/plan/planner_row.h"

eplb_plan_check_fn eplb_deepseek_check;
eplb_plan_fn eplb_deepseek_plan;

/* Whether eplb_deepseek_check would accept these sizes; sets no sentence. */
int eplb_deepseek_accepts(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_experts);

/* Plans every layer for load[num_layers][num_experts], from scratch. EPLB_ERR_MEMORY. */
eplb_status_t eplb_deepseek_plan_load(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      const double *load, eplb_placement_t *placement);

#endif
