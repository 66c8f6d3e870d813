/* One way to plan: options are resolved and checked here, then the planner's row of the table does the work. */
#include "core/model/forecast.h"
#include "core/model/placement.h"
#include "core/model/topology.h"
#include "core/plan/auto/auto_planner.h"
#include "core/plan/deepseek/deepseek_planner.h"
#include "core/plan/history/history_planner.h"
#include "core/plan/options.h"
#include "core/plan/planner_row.h"
#include "core/plan/window/window_planner.h"
#include "core/transfer/payback.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <string.h>

/* planner_row.h says how a planner is added. */
static const eplb_planner_row_t planner_table[] = {
    [EPLB_PLANNER_AUTO] = {NULL, eplb_auto_plan},
    [EPLB_PLANNER_DEEPSEEK] = {eplb_deepseek_check, eplb_deepseek_plan},
    [EPLB_PLANNER_WINDOW] = {NULL, eplb_window_plan},
    [EPLB_PLANNER_HISTORY] = {NULL, eplb_history_plan},
    [EPLB_PLANNER_CHAIN] = {NULL, eplb_chain_plan},
};

/* ---- how AUTO is resolved ---- */

/* As DeepSeek's EPLB: hierarchical if the groups can be dealt evenly to the nodes; here also only if all nodes have
 * equally many devices. */
static int groups_fit_nodes(const eplb_plan_options_t *o, const eplb_topology_t *t) {
  return o->num_groups % eplb_topology_num_nodes(t) == 0 && eplb_topology_nodes_are_equal(t);
}

/* Only the window planner keeps expert groups on their nodes and weighs moves by what they pay; else each layer gets the
 * plan that scores best. */
static eplb_planner_t choose_planner(const eplb_plan_options_t *o, const eplb_topology_t *t) {
  int keeps_groups =
      o->policy == EPLB_POLICY_HIERARCHICAL ||
      (o->policy == EPLB_POLICY_AUTO && o->num_groups > 1 && eplb_topology_num_nodes(t) > 1 && groups_fit_nodes(o, t));
  return keeps_groups || o->payback ? EPLB_PLANNER_WINDOW : EPLB_PLANNER_AUTO;
}

static eplb_policy_t choose_policy(const eplb_plan_options_t *o, const eplb_topology_t *t) {
  return eplb_planner_uses(o->planner, EPLB_USES_HIERARCHY) && groups_fit_nodes(o, t) ? EPLB_POLICY_HIERARCHICAL
                                                                                      : EPLB_POLICY_GLOBAL;
}

static eplb_status_t check_policy(const eplb_plan_options_t *o) {
  if (!eplb_planner_uses(o->planner, EPLB_USES_HIERARCHY) && o->policy == EPLB_POLICY_HIERARCHICAL)
    return eplb_fail(EPLB_ERR_UNSUPPORTED,
                     "the %s planner has no hierarchical policy; expected policy auto or global, or planner window",
                     eplb_plan_name("planner", (int)o->planner));
  if (o->spill > 0 && o->policy == EPLB_POLICY_GLOBAL)
    return eplb_fail(EPLB_ERR_UNSUPPORTED,
                     "spill is %g and the policy is global, which keeps no group on a node; expected policy "
                     "hierarchical, or spill 0",
                     o->spill);
  return EPLB_SUCCESS;
}

static eplb_status_t resolve(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                             eplb_plan_options_t *resolved) {
  eplb_status_t status = eplb_plan_options_take(options, resolved);
  if (!status && !topology)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "topology is NULL");
  if (status)
    return status;
  int by_auto = resolved->planner == EPLB_PLANNER_AUTO;
  if (by_auto)
    resolved->planner = choose_planner(resolved, topology);
  if (resolved->policy == EPLB_POLICY_AUTO)
    resolved->policy = choose_policy(resolved, topology);
  status = check_policy(resolved);
  return status ? status : eplb_plan_options_check_used(resolved, by_auto);
}

eplb_status_t eplb_plan_resolve(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                eplb_plan_options_t *resolved) {
  eplb_plan_options_t all;
  if (!resolved || resolved->size <= sizeof resolved->size || resolved->size > sizeof all)
    return eplb_fail(EPLB_ERR_ARGUMENT, "resolved is %s; expected a struct that eplb_plan_options_init has prepared",
                     resolved ? "of another size" : "NULL");
  eplb_status_t status = resolve(options, topology, &all);
  if (status)
    return status;
  all.size = resolved->size;
  memcpy(resolved, &all, resolved->size);
  return EPLB_SUCCESS;
}

/* ---- planning ---- */

static eplb_status_t check_shape(const eplb_plan_options_t *o, const eplb_topology_t *t, const eplb_windows_t *w) {
  int num_slots = eplb_topology_num_slots(t);
  if (num_slots < w->num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s for %s; every expert needs one", eplb_count(num_slots, "slot"),
                     eplb_count(w->num_experts, "expert"));
  if (o->num_groups > w->num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s of %s; expected at most one group for each expert",
                     eplb_count(o->num_groups, "group"), eplb_count(w->num_experts, "expert"));
  eplb_plan_check_fn *check = planner_table[o->planner].check;
  return check ? check(o, t, w->num_experts) : EPLB_SUCCESS;
}

static eplb_status_t check_current(const eplb_topology_t *t, const eplb_windows_t *w, const eplb_placement_t *current) {
  int num_slots = eplb_topology_num_slots(t);
  if (current && (current->num_slots != num_slots || current->num_layers != w->num_layers ||
                  current->num_experts != w->num_experts))
    return eplb_fail(EPLB_ERR_SHAPE, "a current placement of %s of %s in %s; expected %d of %d in %d",
                     eplb_count(current->num_layers, "layer"), eplb_count(current->num_experts, "expert"),
                     eplb_count(current->num_slots, "slot"), w->num_layers, w->num_experts, num_slots);
  return EPLB_SUCCESS;
}

static eplb_status_t plan_checked(const eplb_plan_request_t *r, eplb_placement_t **placement) {
  eplb_placement_t *p = NULL;
  eplb_status_t status = r->current ? eplb_placement_copy(r->current, &p)
                                    : eplb_placement_create(r->windows->num_layers, r->windows->num_experts,
                                                            eplb_topology_num_slots(r->topology), &p);
  if (!status)
    status = planner_table[r->options->planner].plan(r, p);
  if (!status && r->current)
    status = eplb_placement_keep_slots(r->topology, r->current, p);
  if (status)
    eplb_placement_destroy(&p);
  else
    *placement = p;
  return status;
}

eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                        const eplb_windows_t *windows, const eplb_placement_t *current, eplb_placement_t **placement) {
  eplb_plan_options_t resolved;
  eplb_windows_t own, scaled;
  const eplb_plan_request_t request = {&resolved, topology, &scaled, current, NULL};
  eplb_payback_t payback;
  eplb_status_t status = resolve(options, topology, &resolved);
  if (!status && resolved.payback) {
    status = eplb_payback_take_whole(resolved.payback, &payback);
    resolved.payback = &payback;
  }
  if (!status && !placement)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "placement is NULL");
  if (!status)
    status = eplb_windows_take(windows, &own);
  if (!status)
    status = check_current(topology, &own, current);
  if (!status)
    status = check_shape(&resolved, topology, &own);
  if (status)
    return status;
  scaled = eplb_windows_scaled(&own);
  return plan_checked(&request, placement);
}
