/* How long planning takes, roughly. */
#ifndef EPLB_CORE_PLAN_PLANNING_WORK_H
#define EPLB_CORE_PLAN_PLANNING_WORK_H

#include <eplb/planner.h>

/* Seconds of one core for a layer, from a placement; `resolved` as eplb_plan_resolve gives it. Within a factor of about
 * three of what was measured. */
double eplb_planning_work(const eplb_plan_options_t *resolved, const eplb_topology_t *topology);

#endif
