/* The window planner's row of the planner table: from scratch or from the current placement, layer by layer. */
#include "core/plan/window/window_planner.h"
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/plan/common/single_load.h"
#include "core/plan/deepseek/deepseek_planner.h"
#include "core/plan/window/incremental.h"
#include <eplb/loads.h>
#include <string.h>

/* Layer by layer; each row of `placement` holds the deepseek planner's plan, where it has one, until the row is
 * planned: no layer is worse than that. */
static eplb_status_t plan_from_scratch(const eplb_plan_request_t *q, const double *load, eplb_placement_t *placement) {
  const eplb_plan_options_t *o = q->options;
  int experts = placement->num_experts, accepted = eplb_deepseek_accepts(o, q->topology, experts);
  eplb_incremental_t r;
  eplb_status_t status = accepted ? eplb_deepseek_plan_load(o, q->topology, load, placement) : EPLB_SUCCESS;
  if (!status)
    status = eplb_incremental_create(o, q->topology, experts, o->spill > 0, &r);
  if (status)
    return status;
  r.fresh.reference = accepted ? placement : NULL;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    if (q->skip && q->skip[l])
      continue;
    status = eplb_from_scratch_layer(&r.fresh, l, load + (size_t)l * (size_t)experts, r.row);
    if (status)
      break;
    if (o->spill > 0)
      eplb_incremental_spill(&r, r.fresh.groups.owner, o->spill, r.row);
    memcpy(eplb_placement_row(placement, l), r.row, (size_t)placement->num_slots * sizeof *r.row);
    status = eplb_placement_index_layer(placement, l);
  }
  eplb_incremental_free(&r);
  return status;
}

/* Layers without load stay as they are. */
static eplb_status_t plan_from_current(const eplb_plan_request_t *q, const eplb_single_load_t *single,
                                       eplb_placement_t *placement) {
  size_t experts = (size_t)placement->num_experts;
  eplb_incremental_t r;
  eplb_status_t status = eplb_incremental_create(q->options, q->topology, placement->num_experts, 1, &r);
  if (status)
    return status;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    const double *load = single->load + (size_t)l * experts;
    if (!(q->skip && q->skip[l]) && !eplb_loads_idle_layers(1, placement->num_experts, load))
      status = eplb_incremental_layer(&r, load, single->token[l], eplb_placement_row(q->current, l),
                                      eplb_placement_row(placement, l));
  }
  eplb_incremental_free(&r);
  return status;
}

eplb_status_t eplb_window_plan(const eplb_plan_request_t *request, eplb_placement_t *placement) {
  eplb_single_load_t single;
  eplb_status_t status = eplb_single_load_make(request, &single);
  if (!status)
    status = request->current ? plan_from_current(request, &single, placement)
                              : plan_from_scratch(request, single.load, placement);
  eplb_single_load_free(&single);
  return status;
}
