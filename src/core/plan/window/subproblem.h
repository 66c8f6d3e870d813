/* A smaller problem that is planned separately: some of a layer's experts in the slots of some devices; or the whole
 * layer. */
#ifndef EPLB_CORE_PLAN_WINDOW_SUBPROBLEM_H
#define EPLB_CORE_PLAN_WINDOW_SUBPROBLEM_H

#include "core/plan/window/iterated_search.h"

typedef struct eplb_subproblem {
  const eplb_topology_t *topology;
  int num_experts;           /* of the layer */
  double *load;              /* [num_experts]: the largest is 1; all 1 without load */
  double token;              /* the load of one token on that scale; 0: unknown, or no noise */
  eplb_window_state_t layer; /* numbered within the part */
  int32_t *expert_of;        /* [layer.num_experts]: number in the layer */
  int32_t *number_of;        /* [num_experts]: the reverse; only of the part's own */
  int32_t *slot_of;          /* [layer.num_slots]: slot in the topology */
  int32_t *device_of;        /* [layer.num_devices] */
  eplb_iterated_search_scratch_t search;
  char *block;     /* all arrays */
  int *slot_begin; /* layer's, to be written */
  double *weight;
  double *inverse_speed;
} eplb_subproblem_t;

/* Room for any part. EPLB_ERR_MEMORY. */
eplb_status_t eplb_subproblem_create(const eplb_topology_t *topology, int num_experts, eplb_subproblem_t *part);
void eplb_subproblem_free(eplb_subproblem_t *part);

/* Sets the layer's loads. `token` is the load of one token, or 0 if loads are not counts. */
void eplb_subproblem_set_load(eplb_subproblem_t *part, const double *load, double token);

/* The part of one node's devices and of the experts for which owner[expert] is `node`; of all with node -1.
 * layer.expert is not set. */
void eplb_subproblem_select(eplb_subproblem_t *part, int node, const int32_t *owner);

/* From and to a row of physical_to_logical: layer.expert and nothing else. */
void eplb_subproblem_read(eplb_subproblem_t *part, const int32_t *row);
void eplb_subproblem_write(const eplb_subproblem_t *part, int32_t *row);

#endif
