/* What a planner is to eplb_plan: a row of the table in planner.c. */
#ifndef EPLB_CORE_PLAN_PLANNER_TABLE_H
#define EPLB_CORE_PLAN_PLANNER_TABLE_H

#include <eplb/planner.h>

/* The input of a planner, already checked. */
typedef struct eplb_plan_request {
  const eplb_plan_options_t *options; /* resolved: planner and policy are not AUTO */
  const eplb_topology_t *topology;
  const eplb_windows_t *windows;
  const eplb_placement_t *current; /* NULL: plan from scratch */
  const uint8_t *skip; /* [num_layers]: 1: nobody will read the layer's row, so it need not be planned; NULL: none */
} eplb_plan_request_t;

/* Whether the planner can plan for these sizes. EPLB_ERR_SHAPE, EPLB_ERR_UNSUPPORTED. */
typedef eplb_status_t eplb_plan_check_fn(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                         int num_experts);

/* Plans every layer into `placement`, which is a copy of request->current, or all slots empty. */
typedef eplb_status_t eplb_plan_fn(const eplb_plan_request_t *request, eplb_placement_t *placement);

typedef struct eplb_planner_row {
  eplb_plan_check_fn *check; /* NULL: any sizes */
  eplb_plan_fn *plan;
} eplb_planner_row_t;

#endif
