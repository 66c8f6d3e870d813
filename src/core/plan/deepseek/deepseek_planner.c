/* The deepseek planner's row of the planner table: its checks, and layers without load, which keep the current
 * placement. The method is in rebalance.c. */
#include "core/plan/deepseek/deepseek_planner.h"
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/model/topology.h"
#include "core/plan/common/single_load.h"
#include "core/plan/deepseek/rebalance.h"
#include "core/util/count.h"
#include <eplb/loads.h>

/* ---- what it accepts ---- */

/* The first device that differs from device 0 in its slots or its speed; or -1. */
static int odd_device(const eplb_topology_t *t) {
  for (int d = 1; d < t->num_devices; d++)
    if (t->slot_begin[d + 1] - t->slot_begin[d] != t->slot_begin[1] || t->speed[d] < t->speed[0] ||
        t->speed[d] > t->speed[0])
      return d;
  return -1;
}

static eplb_status_t check_equal_devices(const eplb_topology_t *t) {
  int d = odd_device(t), slots = d < 0 ? 0 : t->slot_begin[d + 1] - t->slot_begin[d];
  if (d < 0)
    return EPLB_SUCCESS;
  if (slots != t->slot_begin[1])
    return eplb_fail(EPLB_ERR_SHAPE, "device %d has %s and device 0 has %d; the deepseek planner needs equal numbers",
                     d, eplb_count(slots, "slot"), t->slot_begin[1]);
  return eplb_fail(EPLB_ERR_UNSUPPORTED,
                   "device %d has speed %g and device 0 has %g; the deepseek planner needs equal speeds", d,
                   t->speed[d], t->speed[0]);
}

static eplb_status_t check_hierarchy(const eplb_topology_t *t, int num_experts, int num_groups) {
  int nodes = eplb_topology_num_nodes(t);
  if (num_experts % num_groups)
    return eplb_fail(EPLB_ERR_SHAPE, "%s in %s; the hierarchical policy needs groups of equal size",
                     eplb_count(num_experts, "expert"), eplb_count(num_groups, "group"));
  if (num_groups % nodes)
    return eplb_fail(EPLB_ERR_SHAPE, "%s on %s; the hierarchical policy needs a multiple of the nodes",
                     eplb_count(num_groups, "expert group"), eplb_count(nodes, "node"));
  if (!eplb_topology_nodes_are_equal(t))
    return eplb_fail(EPLB_ERR_SHAPE,
                     "%s with different numbers of devices (%d in all); the hierarchical policy of the deepseek "
                     "planner needs equal ones",
                     eplb_count(nodes, "node"), t->num_devices);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_deepseek_check(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                  int num_experts) {
  eplb_status_t status = check_equal_devices(topology);
  if (!status && options->policy == EPLB_POLICY_HIERARCHICAL)
    status = check_hierarchy(topology, num_experts, options->num_groups);
  return status;
}

int eplb_deepseek_accepts(const eplb_plan_options_t *options, const eplb_topology_t *topology, int num_experts) {
  return odd_device(topology) < 0 &&
         (options->policy == EPLB_POLICY_GLOBAL ||
          (num_experts % options->num_groups == 0 && options->num_groups % eplb_topology_num_nodes(topology) == 0 &&
           eplb_topology_nodes_are_equal(topology)));
}

/* ---- planning ---- */

eplb_status_t eplb_deepseek_plan_load(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                      const double *load, eplb_placement_t *placement) {
  int hierarchical = options->policy == EPLB_POLICY_HIERARCHICAL;
  return eplb_deepseek_rebalance(hierarchical ? options->num_groups : 1,
                                 hierarchical ? eplb_topology_num_nodes(topology) : 1, topology, load, placement);
}

/* Layers without load keep the current placement. */
static void keep_idle_layers(const eplb_placement_t *current, const double *load, eplb_placement_t *placement) {
  for (int l = 0; l < placement->num_layers; l++)
    if (eplb_loads_idle_layers(1, placement->num_experts, load + (size_t)l * (size_t)placement->num_experts))
      eplb_placement_copy_layer(current, placement, l);
}

eplb_status_t eplb_deepseek_plan(const eplb_plan_request_t *request, eplb_placement_t *placement) {
  eplb_single_load_t single;
  eplb_status_t status = eplb_single_load_make(request, &single);
  if (!status)
    status = eplb_deepseek_plan_load(request->options, request->topology, single.load, placement);
  if (!status && request->current)
    keep_idle_layers(request->current, single.load, placement);
  eplb_single_load_free(&single);
  return status;
}
