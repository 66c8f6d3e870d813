/* Scores a plan: balance in each window, transfers, and nodes per token under group-limited routing. */
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/plan/common/remote_nodes.h"
#include "core/transfer/payback.h"
#include "core/util/alloc.h"
#include "tools/plan/plan.h"
#include <math.h>

/* The balance of a placement under a layer's load, or with placement NULL the best that there can be. */
static eplb_status_t score_load(const plan_result_t *r, const eplb_placement_t *placement, int layer,
                                const double *load, double *balance) {
  if (!placement)
    return eplb_balancedness_bound(r->topology, r->loads->num_experts, load, balance);
  *balance = eplb_balancedness(r->topology, placement, layer, load);
  return EPLB_SUCCESS;
}

/* The mean over the windows that are scored and in which the layer has any load. */
static eplb_status_t score_layer(const plan_result_t *r, const eplb_placement_t *placement, int layer, double *mean) {
  int experts = r->loads->num_experts, counted = 0;
  int windows = r->options->window == PLAN_WINDOW_ALL ? r->loads->num_windows : 1;
  double sum = 0, balance = 0;
  eplb_status_t status = EPLB_SUCCESS;
  for (int w = 0; w < windows && !status; w++) {
    const double *load = windows > 1 ? eplb_loads_window(r->loads, w) : r->load;
    load += (size_t)layer * (size_t)experts;
    if (eplb_loads_idle_layers(1, experts, load))
      continue;
    status = score_load(r, placement, layer, load, &balance);
    sum += balance;
    counted++;
  }
  *mean = counted ? sum / counted : NAN;
  return status;
}

static eplb_status_t score_placement(const plan_result_t *r, const eplb_placement_t *placement, plan_score_t *score) {
  int layers = r->loads->num_layers, counted = 0;
  double sum = 0;
  score->layer = EPLB_NEW(double, layers);
  eplb_status_t status = score->layer ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < layers && !status; l++) {
    status = score_layer(r, placement, l, &score->layer[l]);
    sum += isnan(score->layer[l]) ? 0 : score->layer[l];
    counted += !isnan(score->layer[l]);
  }
  score->mean = counted ? sum / counted : NAN;
  return status;
}

/* Every layer's transfers, counted, and where payback is asked for priced. */
static eplb_status_t score_change(plan_result_t *r) {
  const eplb_payback_t *payback = r->plan.payback ? &r->payback : NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  double *scratch = EPLB_NEW(double, 2 * (size_t)r->topology->num_devices);
  eplb_status_t status = scratch ? eplb_deriver_create(r->topology, r->loads->num_experts, &deriver) : EPLB_ERR_MEMORY;
  for (int l = 0; l < r->loads->num_layers && !status; l++) {
    status =
        eplb_derive_layer(deriver, eplb_placement_row(r->before, l), eplb_placement_row(r->placement, l), l, 1, &list);
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
static eplb_status_t score_routing(plan_result_t *r) {
  int groups = r->options->planner.plan.num_groups, nodes = eplb_topology_num_nodes(r->topology);
  int experts = r->loads->num_experts;
  const eplb_group_routing_t routing = {
      .num_groups = groups,
      .token_groups = r->options->token_groups ? r->options->token_groups : (groups + 1) / 2,
      .token_experts = r->options->token_experts < experts ? r->options->token_experts : experts};
  if (groups == 1 || nodes == 1)
    return EPLB_SUCCESS;
  eplb_visits_t was = {0}, now = {.off_home = EPLB_NEW(double, nodes)};
  eplb_status_t status = now.off_home ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int l = 0; l < r->loads->num_layers && !status; l++) {
    const double *load = r->load + (size_t)l * (size_t)experts;
    status = eplb_remote_nodes(&routing, r->topology, r->before, l, load, &was);
    r->remote_was += status ? 0 : was.nodes / r->loads->num_layers;
    if (!status)
      status = eplb_remote_nodes(&routing, r->topology, r->placement, l, load, &now);
    r->remote += status ? 0 : now.nodes / r->loads->num_layers;
    for (int n = 0; n < nodes && !status; n++)
      r->off_home += now.off_home[n] / nodes / r->loads->num_layers;
  }
  free(now.off_home);
  return status;
}

eplb_status_t plan_compute_scores(plan_result_t *r) {
  eplb_status_t status = score_placement(r, r->before, &r->was);
  if (!status)
    status = score_placement(r, r->placement, &r->planned);
  if (!status)
    status = score_placement(r, NULL, &r->bound);
  if (!status && r->options->current)
    status = score_change(r);
  return status ? status : score_routing(r);
}
