/* How long planning takes, roughly, and how many ranks should therefore plan. */
#ifndef EPLB_CORE_PLAN_PLANNING_WORK_H
#define EPLB_CORE_PLAN_PLANNING_WORK_H

#include <eplb/planner.h>

/* Seconds of one core for a layer, from a placement; `resolved` as eplb_plan_resolve gives it. Within a factor of about
 * three of what was measured. */
double eplb_planning_work(const eplb_plan_options_t *resolved, const eplb_topology_t *topology);

/* How many of the ranks, one for each device, plan num_layers layers where `wanted` should; with 0 one, if it does so in
 * little time, else as many as there are layers. */
int eplb_planning_num_ranks(const eplb_plan_options_t *resolved, const eplb_topology_t *topology, int num_layers,
                            int wanted);

#endif
