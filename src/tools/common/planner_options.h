/* What planners are told, for every command that plans: a child of its argp. */
#ifndef EPLB_TOOLS_COMMON_PLANNER_OPTIONS_H
#define EPLB_TOOLS_COMMON_PLANNER_OPTIONS_H

#include <argp.h>
#include <eplb/planner.h>

typedef struct planner_options {
  eplb_plan_options_t plan;
  eplb_payback_t payback; /* plan.payback points here where time per token and bytes per expert are known */
} planner_options_t;

void planner_options_init(planner_options_t *options);

/* Its input is a planner_options_t. */
extern const struct argp planner_argp;

/* Once all is parsed: lets payback decide if it can. Exits as argp does where only half of what it needs was given. */
void planner_options_finish(planner_options_t *options, const struct argp_state *state);

#endif
