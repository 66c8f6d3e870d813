#include "core/reference.h"
#include <eplb/loads.h>
#include <string.h>

static const char *const planner_names[] = {"default", "reference"};
static const char *const policy_names[] = {"auto", "hierarchical", "global"};
enum { NUM_PLANNERS = 2, NUM_POLICIES = 3 };

void eplb_plan_options_init(eplb_plan_options_t *options) {
  *options = (eplb_plan_options_t){.size = sizeof *options, .num_groups = 1};
}

const char *eplb_planner_name(eplb_planner_t planner) {
  return (unsigned)planner < NUM_PLANNERS ? planner_names[planner] : NULL;
}

const char *eplb_policy_name(eplb_policy_t policy) {
  return (unsigned)policy < NUM_POLICIES ? policy_names[policy] : NULL;
}

eplb_status_t eplb_planner_parse(const char *name, eplb_planner_t *planner) {
  for (unsigned i = 0; i < NUM_PLANNERS; i++)
    if (!strcmp(name, planner_names[i])) {
      *planner = (eplb_planner_t)i;
      return EPLB_SUCCESS;
    }
  return eplb_fail(EPLB_ERR_ARGUMENT, "no planner \"%s\"; expected default or reference", name);
}

eplb_status_t eplb_policy_parse(const char *name, eplb_policy_t *policy) {
  for (unsigned i = 0; i < NUM_POLICIES; i++)
    if (!strcmp(name, policy_names[i])) {
      *policy = (eplb_policy_t)i;
      return EPLB_SUCCESS;
    }
  return eplb_fail(EPLB_ERR_ARGUMENT, "no policy \"%s\"; expected auto, hierarchical or global", name);
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
  int deals_out = options->num_groups % eplb_topology_num_nodes(topology) == 0 && nodes_are_equal(topology);
  return deals_out ? EPLB_POLICY_HIERARCHICAL : EPLB_POLICY_GLOBAL;
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
  if (options->num_groups < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%d expert groups; expected at least 1", options->num_groups);
  return EPLB_SUCCESS;
}

static eplb_status_t check_devices_alike(const eplb_topology_t *t) {
  for (int d = 1; d < t->num_devices; d++) {
    int slots = t->slot_begin[d + 1] - t->slot_begin[d];
    if (slots != t->slot_begin[1])
      return eplb_fail(EPLB_ERR_SHAPE,
                       "device %d has %d slots and device 0 has %d; the reference planner needs equal "
                       "numbers",
                       d, slots, t->slot_begin[1]);
    if (t->speed[d] < t->speed[0] || t->speed[d] > t->speed[0])
      return eplb_fail(EPLB_ERR_UNSUPPORTED,
                       "device %d has speed %g and device 0 has %g; the reference planner knows "
                       "no speeds",
                       d, t->speed[d], t->speed[0]);
  }
  return EPLB_SUCCESS;
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
static eplb_status_t check_shape(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_experts,
                                 eplb_policy_t policy) {
  int num_slots = eplb_topology_num_slots(topology);
  if (num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%d slots for %d experts; every expert needs one", num_slots, num_experts);
  if (options->num_groups > num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%d groups of %d experts; expected at most one group for each expert",
                     options->num_groups, num_experts);
  eplb_status_t status = check_devices_alike(topology);
  if (!status && policy == EPLB_POLICY_HIERARCHICAL)
    status = check_hierarchy(topology, num_experts, options->num_groups);
  return status;
}

eplb_status_t eplb_plan(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_layers,
                        int num_experts, const double *load, eplb_placement_t **placement) {
  eplb_status_t status = check_options(options, topology);
  if (!status)
    status = eplb_loads_check(num_layers, num_experts, load);
  if (status)
    return status;
  eplb_policy_t policy = eplb_plan_policy(options, topology);
  status = check_shape(options, topology, num_experts, policy);
  if (status)
    return status;

  eplb_placement_t *p;
  status = eplb_placement_create(num_layers, num_experts, eplb_topology_num_slots(topology), &p);
  if (status)
    return status;
  int hierarchical = policy == EPLB_POLICY_HIERARCHICAL;
  status = eplb_plan_reference(hierarchical ? options->num_groups : 1,
                               hierarchical ? eplb_topology_num_nodes(topology) : 1, topology, load, p);
  if (status) {
    eplb_placement_destroy(&p);
    return status;
  }
  *placement = p;
  return EPLB_SUCCESS;
}
