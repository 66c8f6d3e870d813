/* One planning step of a job, without MPI: from the counts of a window and those before it to a new placement. Sessions,
 * `eplb bench session` and `eplb replay` all plan by these functions. */
#ifndef EPLB_CORE_PLAN_PLANNING_STEP_H
#define EPLB_CORE_PLAN_PLANNING_STEP_H

#include <eplb/loads.h>
#include <eplb/planner.h>
#include <eplb/transfer.h>

typedef struct eplb_planning_step {
  const eplb_plan_options_t *options;
  const eplb_topology_t *topology;
  const eplb_history_t *history;   /* the windows before this one */
  const double *load;              /* [num_layers][num_experts]: this window */
  const eplb_placement_t *current; /* valid */
  const eplb_trigger_t *trigger;   /* or NULL: change whatever the planner changes */
  int windows_since;               /* the last change */
} eplb_planning_step_t;

/* Consecutive layers. */
typedef struct eplb_layers {
  int first, count;
} eplb_layers_t;

/* Plans these layers into `after`, a copy of step->current of which it changes no others. Layers without load in this
 * window keep their placement. The result for a layer is the same whichever layers are planned with it. Errors as
 * eplb_history_with and eplb_plan. */
eplb_status_t eplb_planning_step_plan(const eplb_planning_step_t *step, eplb_layers_t layers, eplb_placement_t *after);

/* Asks the trigger, if there is one, about all layers of `after`; where the change does not pay, `after` becomes what
 * step->current is. Sets *decision where there is a trigger. Errors as eplb_trigger_decide. */
eplb_status_t eplb_planning_step_decide(const eplb_planning_step_t *step, eplb_placement_t *after,
                                        eplb_decision_t *decision);

/* Which of num_layers layers one of `num_parts` that plan them gets. */
static inline eplb_layers_t eplb_layers_of_part(int num_layers, int num_parts, int part) {
  int first = (int)((int64_t)part * num_layers / num_parts);
  return (eplb_layers_t){first, (int)((int64_t)(part + 1) * num_layers / num_parts) - first};
}

#endif
