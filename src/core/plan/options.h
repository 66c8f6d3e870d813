/* The planner's options: their table, defaults and resolved values, and which planner uses which option. */
#ifndef EPLB_CORE_PLAN_OPTIONS_H
#define EPLB_CORE_PLAN_OPTIONS_H

#include "core/util/option_table.h"
#include <eplb/planner.h>

extern const eplb_option_table_t eplb_plan_table;

/* Copies the caller's options, of this version or an older one, into *options, and checks every value. */
eplb_status_t eplb_plan_options_take(const eplb_plan_options_t *given, eplb_plan_options_t *options);

/* Whether the planner, which is resolved, uses every option that differs from its default. EPLB_ERR_UNSUPPORTED names
 * the first that it does not, and the planners that do. `chosen_by_auto`: for the sentence. */
eplb_status_t eplb_plan_options_check_used(const eplb_plan_options_t *options, int chosen_by_auto);

#endif
