/* Plans a layer from scratch for one window of loads.
 *
 * Problem: choose replica counts and a slot for each replica so that the busiest device's time is smallest. This is
 * multiprocessor scheduling with cardinality limits, which is NP-hard.
 * Method: with the global policy one search over all devices (iterated_search.c). With the hierarchical policy expert
 * groups go to nodes first (expert_groups.c), then each node is searched separately; a node is not improved below the
 * time of the busiest node, which sets the pace. The result is compared with DeepSeek's placement of the same layer,
 * which is taken and improved where it is better: so the planner is never worse than the reference.
 * Cost: options->effort gives each search a number of candidates that it may look at, the same on every machine. Time
 * would make plans differ from run to run. */
#include "core/plan/window/from_scratch.h"
#include "core/model/placement.h"
#include <math.h>
#include <string.h>

int64_t eplb_effort_work(eplb_effort_t effort, int num_slots) {
  static const int per_slot[] = {1400, 150, 20000};
  return (int64_t)per_slot[effort] * num_slots;
}

eplb_status_t eplb_from_scratch_create(const eplb_plan_options_t *options, const eplb_topology_t *topology,
                                       int num_experts, eplb_from_scratch_t *fresh) {
  *fresh = (eplb_from_scratch_t){.options = options, .policy = options->policy};
  eplb_status_t status = eplb_subproblem_create(topology, num_experts, &fresh->part);
  if (!status && fresh->policy == EPLB_POLICY_HIERARCHICAL)
    status = eplb_expert_groups_create(topology, num_experts, options->num_groups, &fresh->groups);
  if (status)
    eplb_from_scratch_free(fresh);
  return status;
}

void eplb_from_scratch_free(eplb_from_scratch_t *fresh) {
  eplb_subproblem_free(&fresh->part);
  eplb_expert_groups_free(&fresh->groups);
}

/* The mean time of the busiest node's devices, in those of `node`: below it, other nodes set the pace. */
static double busiest_node_of(const eplb_from_scratch_t *f, int node) {
  const eplb_expert_groups_t *g = &f->groups;
  double busiest = 0;
  for (int n = 0; n < eplb_topology_num_nodes(f->part.topology); n++)
    busiest = fmax(busiest, g->time[n]);
  return g->time[node] > 0 ? busiest / g->time[node] : 1;
}

static void plan_part(eplb_from_scratch_t *f, int node, int32_t *row) {
  eplb_subproblem_select(&f->part, node, f->groups.owner);
  f->part.layer.good_enough = node < 0 ? 0 : busiest_node_of(f, node);
  f->part.layer.work = eplb_effort_work(f->options->effort, f->part.layer.num_slots);
  eplb_iterated_search(&f->part.layer, &f->part.search);
  eplb_subproblem_write(&f->part, row);
}

static double largest_time(eplb_from_scratch_t *f, const int32_t *row) {
  if (f->policy == EPLB_POLICY_HIERARCHICAL) { /* else all are selected already */
    eplb_subproblem_select(&f->part, -1, NULL);
    f->part.layer.good_enough = 0;
  }
  eplb_subproblem_read(&f->part, row);
  eplb_window_state_index(&f->part.layer);
  return f->part.layer.time[eplb_window_state_busiest(&f->part.layer)];
}

/* Where the reference did better, its placement, and if that can be improved within the whole, better still. */
static void heed_reference(eplb_from_scratch_t *f, int layer, int32_t *row) {
  double own = largest_time(f, row);
  const int32_t *other = eplb_placement_row(f->reference, layer);
  if (largest_time(f, other) >= own * (1 - 1e-9))
    return;
  if (f->policy == EPLB_POLICY_HIERARCHICAL) { /* a search over all devices would mix the nodes */
    memcpy(row, other, (size_t)f->part.layer.num_slots * sizeof *row);
    return;
  }
  f->part.layer.work = eplb_effort_work(f->options->effort, f->part.layer.num_slots);
  eplb_iterated_search_on(&f->part.layer, &f->part.search);
  eplb_subproblem_write(&f->part, row);
}

eplb_status_t eplb_from_scratch_layer(eplb_from_scratch_t *f, int layer, const double *load, int32_t *row) {
  eplb_subproblem_set_load(&f->part, load, 0);
  if (f->policy == EPLB_POLICY_GLOBAL) {
    plan_part(f, -1, row);
  } else {
    eplb_status_t status = eplb_expert_groups_deal(&f->groups, f->part.topology, f->part.load);
    if (status)
      return status;
    for (int n = 0; n < eplb_topology_num_nodes(f->part.topology); n++)
      plan_part(f, n, row);
  }
  if (f->reference)
    heed_reference(f, layer, row);
  return EPLB_SUCCESS;
}
