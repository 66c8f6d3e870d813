/* Expert groups to nodes: longest processing time first, then exchanges.
 *
 * The heaviest group goes to the node that is lightest for its speed and has room; then groups move or change places
 * while that lowers the busiest node. DeepSeek packs groups once and leaves them; exchanges lift the bound of the
 * hierarchical policy at no cost that matters, since groups are few. */
#include "core/plan/common/expert_groups.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <math.h>

static size_t lay_out_groups(eplb_expert_groups_t *g, int num_nodes, char *base) {
  size_t used = 0, groups = (size_t)g->num_groups, nodes = (size_t)num_nodes;
  g->size = eplb_carve(base, &used, groups, sizeof(int32_t));
  g->node = eplb_carve(base, &used, groups, sizeof(int32_t));
  g->owner = eplb_carve(base, &used, (size_t)g->num_experts, sizeof(int32_t));
  g->load = eplb_carve(base, &used, groups, sizeof(double));
  g->speed = eplb_carve(base, &used, nodes, sizeof(double));
  g->time = eplb_carve(base, &used, nodes, sizeof(double));
  g->room = eplb_carve(base, &used, nodes, sizeof(int32_t));
  g->members = eplb_carve(base, &used, nodes, sizeof(int32_t));
  g->order = eplb_carve(base, &used, groups, sizeof(int32_t));
  return used;
}

eplb_status_t eplb_expert_groups_create(const eplb_topology_t *topology, int num_experts, int num_groups,
                                        eplb_expert_groups_t *groups) {
  int nodes = eplb_topology_num_nodes(topology);
  if (num_groups < nodes)
    return eplb_fail(EPLB_ERR_SHAPE, "%s on %s; the hierarchical policy needs one for each node",
                     eplb_count(num_groups, "expert group"), eplb_count(nodes, "node"));
  *groups = (eplb_expert_groups_t){.num_groups = num_groups, .num_experts = num_experts};
  char *block = EPLB_NEW(char, lay_out_groups(groups, nodes, NULL));
  if (!block)
    return EPLB_ERR_MEMORY;
  lay_out_groups(groups, nodes, block);
  groups->block = block;
  for (int e = 0; e < num_experts; e++)
    groups->size[eplb_group_of(e, num_experts, num_groups)]++;
  for (int d = 0; d < topology->num_devices; d++)
    if (topology->slot_begin[d + 1] > topology->slot_begin[d])
      groups->speed[eplb_topology_node(topology, d)] += topology->speed[d];
  return EPLB_SUCCESS;
}

void eplb_expert_groups_free(eplb_expert_groups_t *groups) {
  free(groups->block);
  groups->block = NULL;
}

static void put_group(eplb_expert_groups_t *g, int group, int node, int sign) {
  g->time[node] += sign * g->load[group] / g->speed[node];
  g->room[node] -= sign * g->size[group];
  g->members[node] += sign;
}

/* Whether a node can take another group and every node without one still gets one. */
static int may_take(const eplb_expert_groups_t *g, int num_nodes, int node, int group, int left) {
  int bare = 0;
  for (int n = 0; n < num_nodes; n++)
    bare += g->members[n] == 0 && n != node;
  return g->room[node] >= g->size[group] && left > bare;
}

static int lightest(const eplb_expert_groups_t *g, int num_nodes, int group, int left) {
  int best = -1;
  for (int n = 0; n < num_nodes; n++)
    if (may_take(g, num_nodes, n, group, left) &&
        (best < 0 || g->time[n] < g->time[best] || (!(g->time[n] > g->time[best]) && g->members[n] < g->members[best])))
      best = n;
  return best;
}

static void sort_by_load(eplb_expert_groups_t *g) {
  for (int i = 0; i < g->num_groups; i++) {
    int at = i;
    for (; at > 0 && g->load[g->order[at - 1]] < g->load[i]; at--)
      g->order[at] = g->order[at - 1];
    g->order[at] = i;
  }
}

/* Lets group i move to another node, or change places with group j, if that lowers both below `busiest`'s time. */
static int try_group_move(eplb_expert_groups_t *g, int i, int j, int busiest, int to) {
  double now = g->time[busiest];
  put_group(g, i, busiest, -1);
  put_group(g, i, to, 1);
  if (j >= 0) {
    put_group(g, j, to, -1);
    put_group(g, j, busiest, 1);
  }
  if (fmax(g->time[busiest], g->time[to]) < now * (1 - 1e-9) && g->room[busiest] >= 0 && g->room[to] >= 0 &&
      g->members[busiest] > 0) {
    g->node[i] = to;
    if (j >= 0)
      g->node[j] = busiest;
    return 1;
  }
  put_group(g, i, to, -1);
  put_group(g, i, busiest, 1);
  if (j >= 0) {
    put_group(g, j, busiest, -1);
    put_group(g, j, to, 1);
  }
  return 0;
}

static int relieve_busiest(eplb_expert_groups_t *g, int num_nodes) {
  int busiest = 0;
  for (int n = 1; n < num_nodes; n++)
    if (g->time[n] > g->time[busiest])
      busiest = n;
  for (int i = 0; i < g->num_groups; i++) {
    if (g->node[i] != busiest)
      continue;
    for (int n = 0; n < num_nodes; n++)
      if (n != busiest && try_group_move(g, i, -1, busiest, n))
        return 1;
    for (int j = 0; j < g->num_groups; j++)
      if (g->node[j] != busiest && try_group_move(g, i, j, busiest, g->node[j]))
        return 1;
  }
  return 0;
}

void eplb_expert_groups_clear(eplb_expert_groups_t *g, const eplb_topology_t *t, const double *load) {
  for (int n = 0; n < eplb_topology_num_nodes(t); n++) {
    g->time[n] = 0;
    g->members[n] = g->room[n] = 0;
    for (int i = t->node_begin[n]; i < t->node_begin[n + 1]; i++)
      g->room[n] += t->slot_begin[t->node_device[i] + 1] - t->slot_begin[t->node_device[i]];
  }
  for (int i = 0; i < g->num_groups; i++)
    g->load[i] = 0;
  for (int e = 0; e < g->num_experts; e++)
    g->load[eplb_group_of(e, g->num_experts, g->num_groups)] += load[e];
}

void eplb_expert_groups_put(eplb_expert_groups_t *g, int group, int node) {
  g->node[group] = node;
  put_group(g, group, node, 1);
}

eplb_status_t eplb_expert_groups_deal(eplb_expert_groups_t *g, const eplb_topology_t *topology, const double *load) {
  int nodes = eplb_topology_num_nodes(topology);
  eplb_expert_groups_clear(g, topology, load);
  sort_by_load(g);
  for (int i = 0; i < g->num_groups; i++) {
    int group = g->order[i], n = lightest(g, nodes, group, g->num_groups - i);
    if (n < 0)
      return eplb_fail(EPLB_ERR_SHAPE,
                       "%s cannot be placed whole in %s with %s; the hierarchical policy needs a node with "
                       "%s left for group %d",
                       eplb_count(g->num_groups, "expert group"), eplb_count(nodes, "node"),
                       eplb_count(eplb_topology_num_slots(topology), "slot"), eplb_count(g->size[group], "slot"),
                       group);
    eplb_expert_groups_put(g, group, n);
  }
  for (int steps = 4 * g->num_groups; steps > 0 && relieve_busiest(g, nodes); steps--)
    ;
  for (int e = 0; e < g->num_experts; e++)
    g->owner[e] = g->node[eplb_group_of(e, g->num_experts, g->num_groups)];
  return EPLB_SUCCESS;
}
