/* The planners' functions, by eplb_planner_t. planner_table.h says how a planner is added. */
#include "core/plan/planner_table.h"
#include "core/plan/auto/auto_planner.h"
#include "core/plan/deepseek/deepseek_planner.h"
#include "core/plan/history/history_planner.h"
#include "core/plan/window/window_planner.h"

const eplb_planner_row_t eplb_planner_table[] = {
    [EPLB_PLANNER_AUTO] = {NULL, eplb_auto_plan},
    [EPLB_PLANNER_DEEPSEEK] = {eplb_deepseek_check, eplb_deepseek_plan},
    [EPLB_PLANNER_WINDOW] = {NULL, eplb_window_plan},
    [EPLB_PLANNER_HISTORY] = {NULL, eplb_history_plan},
    [EPLB_PLANNER_CHAIN] = {NULL, eplb_chain_plan},
};
