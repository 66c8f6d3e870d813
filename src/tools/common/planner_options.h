/* Planner options of all commands that plan: a child of their argp, made from the option tables. */
#ifndef EPLB_TOOLS_COMMON_PLANNER_OPTIONS_H
#define EPLB_TOOLS_COMMON_PLANNER_OPTIONS_H

#include "tools/common/option_rows.h"
#include <argp.h>
#include <eplb/planner.h>

typedef struct planner_options {
  eplb_plan_options_t plan;
  eplb_payback_t payback; /* plan.payback points here where time per load and bytes per expert are known */
  option_rows_t rows;
  int has_bandwidth; /* --bandwidth was given */
} planner_options_t;

/* Also prepares planner_argp. */
void planner_options_init(planner_options_t *options);

/* Its input is a planner_options_t that planner_options_init has prepared. */
extern const struct argp planner_argp;

/* Once all is parsed: lets payback decide if it can. Exits as argp does where only half of what it needs was given. */
void planner_options_finish(planner_options_t *options, const struct argp_state *state);

/* Where there are no moves from a placement: exits as argp does if an option that is only for them was given, and says
 * what was `expected`. */
void planner_options_refuse_moves(const planner_options_t *options, const char *expected,
                                  const struct argp_state *state);

/* Leaves --planner out of the help: for commands that name planners by another option, and refuse it. */
void planner_options_hide_planner(void);

/* Sets one plan option, by the name of its row. Local. As eplb_option_set. */
eplb_status_t planner_options_set(eplb_plan_options_t *plan, const char *name, const char *label, const char *text);

/* Sets what the planner cannot use to its default: for commands that compare planners. */
void planner_options_keep_used(eplb_plan_options_t *plan, eplb_planner_t planner);

#endif
