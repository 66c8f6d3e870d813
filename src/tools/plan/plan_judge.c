#include "core/util/alloc.h"
#include "tools/plan/plan.h"

/* Mean over the windows that are judged. */
static eplb_status_t judge(const plan_result_t *r, const eplb_placement_t *placement, plan_score_t *score) {
  const eplb_loads_t *loads = r->loads;
  int windows = r->options->window == PLAN_WINDOW_ALL ? loads->num_windows : 1;
  double *layer = EPLB_NEW(double, loads->num_layers);
  score->layer = EPLB_NEW(double, loads->num_layers);
  if (!layer || !score->layer) {
    free(layer);
    return EPLB_ERR_MEMORY;
  }
  for (int w = 0; w < windows; w++) {
    score->mean +=
        eplb_balancedness_mean(r->topology, placement, windows > 1 ? eplb_loads_window(loads, w) : r->load, layer) /
        windows;
    for (int l = 0; l < loads->num_layers; l++)
      score->layer[l] += layer[l] / windows;
  }
  free(layer);
  return EPLB_SUCCESS;
}

static eplb_status_t judge_bound(const plan_result_t *r, plan_score_t *score) {
  const eplb_loads_t *loads = r->loads;
  int windows = r->options->window == PLAN_WINDOW_ALL ? loads->num_windows : 1;
  score->layer = EPLB_NEW(double, loads->num_layers);
  eplb_status_t status = score->layer ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int i = 0; i < windows * loads->num_layers && !status; i++) {
    int w = i / loads->num_layers, l = i % loads->num_layers;
    const double *load = windows > 1 ? eplb_loads_window(loads, w) : r->load;
    double bound = 0;
    status =
        eplb_balancedness_bound(r->topology, loads->num_experts, load + (size_t)l * (size_t)loads->num_experts, &bound);
    score->layer[l] += bound / windows;
    score->mean += bound / windows / loads->num_layers;
  }
  return status;
}

/* Every layer's transfers, counted, and where payback is asked for priced. */
static eplb_status_t judge_change(plan_result_t *r) {
  const eplb_payback_t *payback = r->options->planner.plan.payback;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  double *scratch = EPLB_NEW(double, 2 * (size_t)r->topology->num_devices);
  eplb_status_t status = scratch ? eplb_deriver_create(r->topology, r->loads->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < r->loads->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, r->before, r->placement, l, 1, &list);
    for (int64_t i = 0; i < list.count; i++)
      r->change.transfers[list.transfer[i].link]++;
    if (!payback || status)
      continue;
    r->change.cost += eplb_payback_cost(payback, r->topology, &list, scratch);
    r->change.gain += eplb_payback_gain(payback, r->topology, r->before, r->placement, l,
                                        r->load + (size_t)l * (size_t)r->loads->num_experts);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  free(scratch);
  return status;
}

/* What group-limited routing has to do with either placement. */
static eplb_status_t judge_routing(plan_result_t *r) {
  int groups = r->options->planner.plan.num_groups, nodes = eplb_topology_num_nodes(r->topology);
  int token_groups = r->options->token_groups ? r->options->token_groups : (groups + 1) / 2;
  int token_experts =
      r->options->token_experts < r->loads->num_experts ? r->options->token_experts : r->loads->num_experts;
  if (groups == 1 || nodes == 1)
    return EPLB_SUCCESS;
  double *off_home = EPLB_NEW(double, nodes), visits;
  eplb_status_t status = off_home ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < r->loads->num_layers && !status; l++) {
    const double *load = r->load + (size_t)l * (size_t)r->loads->num_experts;
    status = eplb_remote_nodes(r->topology, r->before, l, load, groups, token_groups, token_experts, &visits, NULL);
    r->remote_was += status ? 0 : visits / r->loads->num_layers;
    if (!status)
      status =
          eplb_remote_nodes(r->topology, r->placement, l, load, groups, token_groups, token_experts, &visits, off_home);
    r->remote += status ? 0 : visits / r->loads->num_layers;
    for (int n = 0; n < nodes && !status; n++)
      r->off_home += off_home[n] / nodes / r->loads->num_layers;
  }
  free(off_home);
  return status;
}

eplb_status_t plan_judge(plan_result_t *r) {
  eplb_status_t status = judge(r, r->before, &r->was);
  if (!status)
    status = judge(r, r->placement, &r->planned);
  if (!status)
    status = judge_bound(r, &r->bound);
  if (!status && r->options->current)
    status = judge_change(r);
  return status ? status : judge_routing(r);
}
