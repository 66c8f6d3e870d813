/* The default planner, from scratch. */
#ifndef EPLB_CORE_PLAN_WINDOW_FROM_SCRATCH_H
#define EPLB_CORE_PLAN_WINDOW_FROM_SCRATCH_H

#include "core/plan/common/expert_groups.h"
#include "core/plan/window/subproblem.h"
#include <eplb/planner.h>

/* What planning needs from layer to layer. */
typedef struct eplb_from_scratch {
  const eplb_plan_options_t *options; /* resolved */
  eplb_policy_t policy;
  eplb_subproblem_t part;
  eplb_expert_groups_t groups;       /* where the policy is hierarchical */
  const eplb_placement_t *reference; /* the reference's, never to be worse than; or NULL where it has none */
} eplb_from_scratch_t;

/* How many candidates the search of a subproblem of `num_slots` may evaluate. */
int64_t eplb_effort_work(eplb_effort_t effort, int num_slots);

eplb_status_t eplb_from_scratch_create(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                       int num_experts, eplb_from_scratch_t *fresh);
void eplb_from_scratch_free(eplb_from_scratch_t *fresh);

/* Plans one layer into row[num_slots], of which fresh->reference has row number `layer`. */
eplb_status_t eplb_from_scratch_layer(eplb_from_scratch_t *fresh, int layer, const double *load, int32_t *row);

#endif
