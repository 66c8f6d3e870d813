/* The history and the chain planner's rows of the planner table. Both plan for several windows at once. Layers without
 * load in any window keep the current placement; from scratch their slot s gets expert s modulo the number of
 * experts. */
#ifndef EPLB_CORE_PLAN_HISTORY_HISTORY_PLANNER_H
#define EPLB_CORE_PLAN_HISTORY_HISTORY_PLANNER_H

#include "core/plan/planner_row.h"

eplb_plan_fn eplb_history_plan, eplb_chain_plan;

#endif
