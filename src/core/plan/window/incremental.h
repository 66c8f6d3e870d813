/* The window planner from the current placement: few changes, each of which gains more than its price. */
#ifndef EPLB_CORE_PLAN_WINDOW_INCREMENTAL_H
#define EPLB_CORE_PLAN_WINDOW_INCREMENTAL_H

#include "core/plan/common/relabel.h"
#include "core/plan/window/from_scratch.h"
#include "core/plan/window/priced_search.h"

typedef struct eplb_incremental {
  eplb_from_scratch_t fresh;
  eplb_relabel_t relabel;
  eplb_prices_t prices;
  uint8_t *class;  /* [num_experts][num_devices] */
  int32_t *home;   /* [num_experts]: the node of its group, or -1 where any will do */
  int32_t *weight; /* [num_groups][num_nodes] */
  int32_t *row;    /* [num_slots] */
} eplb_incremental_t;

/* Without prices only fresh layers can be planned, but no byte for each expert and device is needed. EPLB_ERR_SHAPE: as
 * eplb_expert_groups_create; EPLB_ERR_MEMORY. */
eplb_status_t eplb_incremental_create(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      int num_experts, int with_prices, eplb_incremental_t *replan);
void eplb_incremental_free(eplb_incremental_t *replan);

/* Lets replicas leave their home nodes until `balance` is reached: row[num_slots] of a hierarchical placement, whose
 * experts' nodes are owner[num_experts]; the part's load is set. */
void eplb_incremental_spill(eplb_incremental_t *replan, const int32_t *owner, double balance, int32_t *row);

/* Plans one layer from before[num_slots] into row[num_slots]; `token` is the load of one token, or 0 where loads have
 * no noise. EPLB_ERR_SHAPE: as eplb_from_scratch_layer. */
eplb_status_t eplb_incremental_layer(eplb_incremental_t *replan, const double *load, double token,
                                     const int32_t *before, int32_t *row);

#endif
