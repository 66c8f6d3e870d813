/* The window planner's row of the planner table. */
#ifndef EPLB_CORE_PLAN_WINDOW_WINDOW_PLANNER_H
#define EPLB_CORE_PLAN_WINDOW_WINDOW_PLANNER_H

#include "core/plan/planner_row.h"

eplb_plan_fn eplb_window_plan;

#endif
