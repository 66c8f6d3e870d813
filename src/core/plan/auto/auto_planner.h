/* Each layer by the planner whose plan scores best. */
#ifndef EPLB_CORE_PLAN_AUTO_AUTO_PLANNER_H
#define EPLB_CORE_PLAN_AUTO_AUTO_PLANNER_H

#include "core/plan/planner_row.h"

eplb_status_t eplb_auto_plan(const eplb_plan_request_t *request, eplb_placement_t *placement);

#endif
