#include "core/model/forecast.h"
#include "core/model/placement.h"
#include "core/plan/common/count_noise.h"
#include "core/plan/deepseek/rebalance.h"
#include "core/plan/history/history_planner.h"
#include "core/plan/window/incremental.h"
#include "core/util/alloc.h"
#include <eplb/loads.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static const char *const planner_names[] = {"default", "reference", "scenario", "linked"};
static const char *const policy_names[] = {"auto", "hierarchical", "global"};
static const char *const effort_names[] = {"default", "fast", "best"};
enum { NUM_PLANNERS = 4, NUM_POLICIES = 3, NUM_EFFORTS = 3 };

void eplb_plan_options_init(eplb_plan_options_t *options) {
  *options = (eplb_plan_options_t){.size = sizeof *options,
                                   .num_groups = 1,
                                   .balance = .99,
                                   .max_moves = INT_MAX,
                                   .node_cost = 4,
                                   .forecast = EPLB_FORECAST_LAST};
}

const char *eplb_planner_name(eplb_planner_t planner) {
  return (unsigned)planner < NUM_PLANNERS ? planner_names[planner] : NULL;
}

const char *eplb_policy_name(eplb_policy_t policy) {
  return (unsigned)policy < NUM_POLICIES ? policy_names[policy] : NULL;
}

const char *eplb_effort_name(eplb_effort_t effort) {
  return (unsigned)effort < NUM_EFFORTS ? effort_names[effort] : NULL;
}

/* The number of `name` among names[count], or -1 with the sentence set. */
static int parse(const char *what, const char *name, const char *const *names, int count) {
  char all[64] = "";
  for (int i = 0; i < count; i++) {
    if (!strcmp(name, names[i]))
      return i;
    strcat(all, i == 0 ? "" : i + 1 < count ? ", " : " or ");
    strcat(all, names[i]);
  }
  eplb_fail(EPLB_ERR_ARGUMENT, "no %s \"%s\"; expected %s", what, name, all);
  return -1;
}

eplb_status_t eplb_planner_parse(const char *name, eplb_planner_t *planner) {
  int number = parse("planner", name, planner_names, NUM_PLANNERS);
  if (number < 0)
    return EPLB_ERR_ARGUMENT;
  *planner = (eplb_planner_t)number;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_policy_parse(const char *name, eplb_policy_t *policy) {
  int number = parse("policy", name, policy_names, NUM_POLICIES);
  if (number < 0)
    return EPLB_ERR_ARGUMENT;
  *policy = (eplb_policy_t)number;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_effort_parse(const char *name, eplb_effort_t *effort) {
  int number = parse("effort", name, effort_names, NUM_EFFORTS);
  if (number < 0)
    return EPLB_ERR_ARGUMENT;
  *effort = (eplb_effort_t)number;
  return EPLB_SUCCESS;
}

static int plans_ahead(const eplb_plan_options_t *options) {
  return options->planner == EPLB_PLANNER_SCENARIO || options->planner == EPLB_PLANNER_LINKED;
}

static int nodes_are_equal(const eplb_topology_t *t) {
  for (int n = 1; n < eplb_topology_num_nodes(t); n++)
    if (t->node_begin[n + 1] - t->node_begin[n] != t->node_begin[1])
      return 0;
  return 1;
}

eplb_policy_t eplb_plan_policy(const eplb_plan_options_t *options, const eplb_topology_t *topology) {
  if (options->policy != EPLB_POLICY_AUTO)
    return options->policy;
  if (plans_ahead(options))
    return EPLB_POLICY_GLOBAL;
  int deals_out = options->num_groups % eplb_topology_num_nodes(topology) == 0 && nodes_are_equal(topology);
  return deals_out ? EPLB_POLICY_HIERARCHICAL : EPLB_POLICY_GLOBAL;
}

static eplb_status_t check_payback(const eplb_payback_t *p) {
  if (!p)
    return EPLB_SUCCESS;
  if (p->size != sizeof *p)
    return eplb_fail(EPLB_ERR_ARGUMENT, "payback of %zu bytes; expected %zu: call eplb_payback_init", p->size,
                     sizeof *p);
  int good = p->seconds_per_load > 0 && isfinite(p->seconds_per_load) && p->windows > 0 && isfinite(p->windows) &&
             p->expert_bytes >= 0 && isfinite(p->expert_bytes);
  for (int i = 0; i < EPLB_NUM_LINKS; i++)
    good &= p->bytes_per_second[i] > 0;
  if (!good)
    return eplb_fail(EPLB_ERR_ARGUMENT,
                     "payback of %g s per load, %g windows, %g bytes, %g, %g and %g bytes/s; expected "
                     "finite numbers above 0",
                     p->seconds_per_load, p->windows, p->expert_bytes, p->bytes_per_second[0], p->bytes_per_second[1],
                     p->bytes_per_second[2]);
  return EPLB_SUCCESS;
}

/* The options that only the default planner has. */
static eplb_status_t check_wishes(const eplb_plan_options_t *o) {
  if (!eplb_effort_name(o->effort))
    return eplb_fail(EPLB_ERR_ARGUMENT, "effort is %d; expected 0 to %d", (int)o->effort, NUM_EFFORTS - 1);
  if (!(o->spill >= 0 && o->spill < 1))
    return eplb_fail(EPLB_ERR_ARGUMENT, "spill is %g; expected 0 to below 1", o->spill);
  if (!(o->balance > 0 && o->balance < 1))
    return eplb_fail(EPLB_ERR_ARGUMENT, "balance is %g; expected a number above 0 and below 1", o->balance);
  if (o->max_moves < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "max_moves is %d; expected 0 or more", o->max_moves);
  if (!(o->node_cost >= 1 && o->node_cost <= 1e6))
    return eplb_fail(EPLB_ERR_ARGUMENT, "node_cost is %g; expected 1 to 1000000", o->node_cost);
  if (!(o->move_price >= 0 && o->move_price <= 1e6))
    return eplb_fail(EPLB_ERR_ARGUMENT, "move_price is %g; expected 0 to 1000000", o->move_price);
  if (!(o->tokens_per_load >= 0))
    return eplb_fail(EPLB_ERR_ARGUMENT, "tokens_per_load is %g; expected 0 or more", o->tokens_per_load);
  if (!eplb_forecast_name(o->forecast))
    return eplb_fail(EPLB_ERR_ARGUMENT, "forecast is %d; expected 0 to %d", (int)o->forecast, EPLB_FORECAST_EWMA);
  return check_payback(o->payback);
}

static eplb_status_t check_options(const eplb_plan_options_t *options, const eplb_topology_t *topology) {
  if (!options || !topology)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", options ? "topology" : "options");
  if (options->size != sizeof *options)
    return eplb_fail(EPLB_ERR_ARGUMENT, "plan options of %zu bytes; expected %zu: call eplb_plan_options_init",
                     options->size, sizeof *options);
  if (!eplb_planner_name(options->planner))
    return eplb_fail(EPLB_ERR_ARGUMENT, "planner is %d; expected 0 to %d", (int)options->planner, NUM_PLANNERS - 1);
  if (!eplb_policy_name(options->policy))
    return eplb_fail(EPLB_ERR_ARGUMENT, "policy is %d; expected 0 to %d", (int)options->policy, NUM_POLICIES - 1);
  if (plans_ahead(options) && options->policy == EPLB_POLICY_HIERARCHICAL)
    return eplb_fail(EPLB_ERR_UNSUPPORTED, "the %s planner knows no hierarchical policy; expected auto or global",
                     eplb_planner_name(options->planner));
  if (options->num_groups < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%d expert groups; expected at least 1", options->num_groups);
  return check_wishes(options);
}

/* ---- what the reference accepts ---- */

/* The first device that is not like device 0 in its slots or its speed; or -1. */
static int odd_device(const eplb_topology_t *t) {
  for (int d = 1; d < t->num_devices; d++)
    if (t->slot_begin[d + 1] - t->slot_begin[d] != t->slot_begin[1] || t->speed[d] < t->speed[0] ||
        t->speed[d] > t->speed[0])
      return d;
  return -1;
}

static int hierarchy_fits(const eplb_topology_t *t, int num_experts, int num_groups) {
  return num_experts % num_groups == 0 && num_groups % eplb_topology_num_nodes(t) == 0 && nodes_are_equal(t);
}

static eplb_status_t check_devices_alike(const eplb_topology_t *t) {
  int d = odd_device(t), slots = d < 0 ? 0 : t->slot_begin[d + 1] - t->slot_begin[d];
  if (d < 0)
    return EPLB_SUCCESS;
  if (slots != t->slot_begin[1])
    return eplb_fail(EPLB_ERR_SHAPE,
                     "device %d has %d slots and device 0 has %d; the reference planner needs equal numbers", d, slots,
                     t->slot_begin[1]);
  return eplb_fail(EPLB_ERR_UNSUPPORTED,
                   "device %d has speed %g and device 0 has %g; the reference planner knows no speeds", d, t->speed[d],
                   t->speed[0]);
}

static eplb_status_t check_hierarchy(const eplb_topology_t *t, int num_experts, int num_groups) {
  int nodes = eplb_topology_num_nodes(t);
  if (num_experts % num_groups)
    return eplb_fail(EPLB_ERR_SHAPE, "%d experts in %d groups; the hierarchical policy needs groups of equal size",
                     num_experts, num_groups);
  if (num_groups % nodes)
    return eplb_fail(EPLB_ERR_SHAPE,
                     "%d expert groups on %d nodes; the hierarchical policy needs a multiple of the nodes", num_groups,
                     nodes);
  if (!nodes_are_equal(t))
    return eplb_fail(EPLB_ERR_SHAPE,
                     "%d nodes with different numbers of devices (%d in all); the hierarchical policy of "
                     "the reference needs equal ones",
                     nodes, t->num_devices);
  return EPLB_SUCCESS;
}

/* All that does not depend on the loads. */
static eplb_status_t check_shape(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_experts) {
  int num_slots = eplb_topology_num_slots(topology);
  if (num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%d slots for %d experts; every expert needs one", num_slots, num_experts);
  if (options->num_groups > num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%d groups of %d experts; expected at most one group for each expert",
                     options->num_groups, num_experts);
  if (options->planner != EPLB_PLANNER_REFERENCE)
    return EPLB_SUCCESS;
  eplb_status_t status = check_devices_alike(topology);
  if (!status && eplb_plan_policy(options, topology) == EPLB_POLICY_HIERARCHICAL)
    status = check_hierarchy(topology, num_experts, options->num_groups);
  return status;
}

/* ---- planning ---- */

static eplb_status_t plan_reference(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                    const double *load, eplb_placement_t *placement) {
  int hierarchical = eplb_plan_policy(options, topology) == EPLB_POLICY_HIERARCHICAL;
  return eplb_plan_reference(hierarchical ? options->num_groups : 1,
                             hierarchical ? eplb_topology_num_nodes(topology) : 1, topology, load, placement);
}

static int reference_accepts(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_experts) {
  return odd_device(topology) < 0 && (eplb_plan_policy(options, topology) == EPLB_POLICY_GLOBAL ||
                                      hierarchy_fits(topology, num_experts, options->num_groups));
}

/* Layer by layer; each row of `placement` holds the reference's plan until its own takes its place. */
static eplb_status_t plan_default(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                  const double *load, eplb_placement_t *placement) {
  int experts = placement->num_experts, accepted = reference_accepts(options, topology, experts);
  eplb_incremental_t r;
  eplb_status_t status = accepted ? plan_reference(options, topology, load, placement) : EPLB_SUCCESS;
  if (!status)
    status = eplb_incremental_create(options, topology, experts, options->spill > 0, &r);
  if (status)
    return status;
  r.fresh.reference = accepted ? placement : NULL;
  for (int l = 0; l < placement->num_layers && !status; l++) {
    status = eplb_from_scratch_layer(&r.fresh, l, load + (size_t)l * (size_t)experts, r.row);
    if (status)
      break;
    if (r.fresh.policy == EPLB_POLICY_HIERARCHICAL && options->spill > 0)
      eplb_incremental_spill(&r, r.fresh.groups.owner, options->spill, r.row);
    memcpy(eplb_placement_row(placement, l), r.row, (size_t)placement->num_slots * sizeof *r.row);
    status = eplb_placement_index_layer(placement, l);
  }
  eplb_incremental_free(&r);
  return status;
}

/* The load of one token in a layer of a forecast, or 0: see count_noise.h. */
static double token_of(const eplb_plan_options_t *options, int layer, int num_experts, const eplb_windows_t *windows,
                       double variance) {
  double token = 1;
  for (int k = 0; k < windows->num_windows && token > 0; k++)
    token =
        eplb_noise_token(options->tokens_per_load, num_experts, windows->load[k] + (size_t)layer * (size_t)num_experts);
  return token * variance;
}

/* What planners for a single window plan for: the only one, or a forecast. In *made, the caller's to free: a token's
 * load in each layer, and the forecast. */
static eplb_status_t choose_load(const eplb_plan_options_t *options, int num_layers, int num_experts,
                                 const eplb_windows_t *windows, double **made, const double **load) {
  size_t layers = (size_t)num_layers, values = layers * (size_t)num_experts;
  *made = NULL;
  *load = windows->load[0];
  if (plans_ahead(options))
    return EPLB_SUCCESS;
  int forecasts = windows->num_windows > 1;
  *made = EPLB_NEW(double, layers + (forecasts ? values : 0));
  if (!*made)
    return EPLB_ERR_MEMORY;
  for (size_t l = 0; l < layers; l++)
    (*made)[l] = 1;
  eplb_status_t status = EPLB_SUCCESS;
  if (forecasts) {
    *load = *made + layers;
    status = eplb_forecast_with_variance(options->forecast, num_layers, num_experts, windows, *made + layers, *made);
  }
  for (int l = 0; l < num_layers && !status; l++)
    (*made)[l] = token_of(options, l, num_experts, windows, (*made)[l]);
  return status;
}

eplb_status_t eplb_plan_windows(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_layers,
                                int num_experts, const eplb_windows_t *windows, eplb_placement_t **placement) {
  eplb_placement_t *p = NULL;
  double *made = NULL;
  const double *load;
  eplb_status_t status = check_options(options, topology);
  if (!status)
    status = eplb_windows_check(num_layers, num_experts, windows);
  if (!status)
    status = check_shape(options, topology, num_experts);
  if (!status)
    status = eplb_placement_create(num_layers, num_experts, eplb_topology_num_slots(topology), &p);
  if (!status)
    status = choose_load(options, num_layers, num_experts, windows, &made, &load);
  if (!status)
    status = plans_ahead(options)                         ? eplb_history_plan(options, topology, 0, windows, p)
             : options->planner == EPLB_PLANNER_REFERENCE ? plan_reference(options, topology, load, p)
                                                          : plan_default(options, topology, load, p);
  free(made);
  if (status) {
    eplb_placement_destroy(&p);
    return status;
  }
  *placement = p;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_layers,
                        int num_experts, const double *load, eplb_placement_t **placement) {
  const eplb_windows_t only = {.num_windows = 1, .load = {load}, .weight = {1}};
  return eplb_plan_windows(options, topology, num_layers, num_experts, &only, placement);
}

/* Changes `placement`, which is a copy of `before`. */
static eplb_status_t replan_default(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                    const eplb_placement_t *before, const double *load, const double *token,
                                    eplb_placement_t *placement) {
  eplb_incremental_t r;
  eplb_status_t status = eplb_incremental_create(options, topology, before->num_experts, 1, &r);
  if (status)
    return status;
  for (int l = 0; l < before->num_layers && !status; l++) {
    const double *layer_load = load + (size_t)l * (size_t)before->num_experts;
    if (!eplb_loads_idle_layers(1, before->num_experts, layer_load))
      status = eplb_incremental_layer(&r, layer_load, token[l], eplb_placement_row(before, l),
                                      eplb_placement_row(placement, l));
  }
  eplb_incremental_free(&r);
  return status;
}

static eplb_status_t replan_reference(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      const eplb_placement_t *before, const double *load, eplb_placement_t *placement) {
  eplb_placement_t *fresh;
  eplb_status_t status = eplb_plan(options, topology, before->num_layers, before->num_experts, load, &fresh);
  if (status)
    return status;
  for (int l = 0; l < before->num_layers; l++)
    if (!eplb_loads_idle_layers(1, before->num_experts, load + (size_t)l * (size_t)before->num_experts))
      eplb_placement_copy_layer(fresh, placement, l);
  eplb_placement_destroy(&fresh);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_replan_windows(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                  const eplb_placement_t *before, const eplb_windows_t *windows,
                                  eplb_placement_t **placement) {
  eplb_placement_t *p = NULL;
  double *made = NULL;
  const double *load;
  eplb_status_t status = check_options(options, topology);
  if (!status && (!before || before->num_slots != eplb_topology_num_slots(topology)))
    status = eplb_fail(EPLB_ERR_SHAPE, "a placement of %d slots for a topology of %d; expected the same",
                       before ? before->num_slots : 0, eplb_topology_num_slots(topology));
  if (!status)
    status = eplb_windows_check(before->num_layers, before->num_experts, windows);
  if (!status)
    status = check_shape(options, topology, before->num_experts);
  if (!status)
    status = eplb_placement_copy(before, &p);
  if (!status)
    status = choose_load(options, before->num_layers, before->num_experts, windows, &made, &load);
  if (!status)
    status = plans_ahead(options)                         ? eplb_history_plan(options, topology, 1, windows, p)
             : options->planner == EPLB_PLANNER_REFERENCE ? replan_reference(options, topology, before, load, p)
                                                          : replan_default(options, topology, before, load, made, p);
  if (!status)
    status = eplb_placement_keep_slots(topology, before, p);
  free(made);
  if (status) {
    eplb_placement_destroy(&p);
    return status;
  }
  *placement = p;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_replan(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                          const eplb_placement_t *before, const double *load, eplb_placement_t **placement) {
  const eplb_windows_t only = {.num_windows = 1, .load = {load}, .weight = {1}};
  return eplb_replan_windows(options, topology, before, &only, placement);
}
