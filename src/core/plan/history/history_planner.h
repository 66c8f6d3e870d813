/* Planning ahead: the scenario and the linked planner, which look at several windows at once. */
#ifndef EPLB_CORE_PLAN_HISTORY_HISTORY_PLANNER_H
#define EPLB_CORE_PLAN_HISTORY_HISTORY_PLANNER_H

#include <eplb/forecast.h>
#include <eplb/planner.h>

/* Plans every layer of `placement` that has any load in any window: from scratch, or with `incremental` from what the
 * placement holds. The others keep what they hold; with nothing in them slot s gets expert s modulo their number. All
 * arguments are checked. EPLB_ERR_MEMORY. */
eplb_status_t eplb_history_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int incremental,
                                const eplb_windows_t *windows, eplb_placement_t *placement);

#endif
