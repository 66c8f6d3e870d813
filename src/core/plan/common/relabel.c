/* Renames the nodes and devices of a new placement so that most replicas stay where they are.
 *
 * Where nodes, devices and slots are alike, any permutation of them gives an equally balanced placement. Nodes are
 * matched first by how many replicas they have in common, then the devices of each two matched nodes: two assignment
 * problems (assignment.c) instead of one over all devices, because a move within a node is cheaper than one between
 * nodes. */
#include "core/plan/common/relabel.h"
#include "core/plan/common/assignment.h"
#include "core/util/alloc.h"
#include <string.h>

/* Whether any two nodes and any two devices could change places. */
static int all_equal(const eplb_topology_t *t) {
  for (int d = 1; d < t->num_devices; d++)
    if (t->slot_begin[d + 1] - t->slot_begin[d] != t->slot_begin[1] || t->speed[d] < t->speed[0] ||
        t->speed[d] > t->speed[0])
      return 0;
  for (int n = 1; n < eplb_topology_num_nodes(t); n++)
    if (t->node_begin[n + 1] - t->node_begin[n] != t->node_begin[1])
      return 0;
  return 1;
}

static size_t lay_out_relabel(eplb_relabel_t *r, char *base) {
  int larger = r->num_nodes > r->node_devices ? r->num_nodes : r->node_devices;
  size_t used = 0, size = (size_t)larger;
  r->worth = eplb_carve(base, &used, size * size, sizeof(int32_t));
  r->column = eplb_carve(base, &used, size, sizeof(int32_t));
  r->node_of = eplb_carve(base, &used, (size_t)r->num_nodes, sizeof(int32_t));
  r->count = eplb_carve(base, &used, (size_t)r->num_experts, sizeof(int32_t));
  r->row = eplb_carve(base, &used, (size_t)eplb_topology_num_slots(r->topology), sizeof(int32_t));
  r->scratch = eplb_carve(base, &used, eplb_assignment_scratch(larger), 1);
  return used;
}

eplb_status_t eplb_relabel_create(const eplb_topology_t *topology, int num_experts, eplb_relabel_t *relabel) {
  *relabel = (eplb_relabel_t){.topology = topology,
                              .num_experts = num_experts,
                              .num_nodes = eplb_topology_num_nodes(topology),
                              .node_devices = topology->node_begin[1],
                              .device_slots = topology->slot_begin[1]};
  if (!all_equal(topology))
    return EPLB_SUCCESS;
  char *block = EPLB_NEW(char, lay_out_relabel(relabel, NULL));
  if (!block)
    return EPLB_ERR_MEMORY;
  lay_out_relabel(relabel, block);
  relabel->block = block;
  return EPLB_SUCCESS;
}

void eplb_relabel_free(eplb_relabel_t *relabel) {
  free(relabel->block);
  relabel->block = NULL;
}

/* Adds `change` to the count of all experts of a node or, from `first` on, of `devices` of its devices. */
static void tally(eplb_relabel_t *r, const int32_t *row, const int *device, int devices, int change) {
  for (int i = 0; i < devices; i++)
    for (int s = r->topology->slot_begin[device[i]], k = 0; k < r->device_slots; s++, k++)
      if (row[s] != EPLB_EMPTY)
        r->count[row[s]] += change;
}

/* How many replicas two sets of devices have in common; the counts of the first are tallied. */
static int32_t count_overlap(eplb_relabel_t *r, const int32_t *row, const int *device, int devices) {
  int32_t common = 0;
  for (int i = 0; i < devices; i++)
    for (int s = r->topology->slot_begin[device[i]], k = 0; k < r->device_slots; s++, k++)
      common += row[s] != EPLB_EMPTY && r->count[row[s]]-- > 0;
  for (int i = 0; i < devices; i++)
    for (int s = r->topology->slot_begin[device[i]], k = 0; k < r->device_slots; s++, k++)
      if (row[s] != EPLB_EMPTY)
        r->count[row[s]]++;
  return common;
}

static const int *devices_of(const eplb_relabel_t *r, int node) {
  return r->topology->node_device + r->topology->node_begin[node];
}

static void match_nodes(eplb_relabel_t *r, const int32_t *before, const int32_t *row) {
  for (int old = 0; old < r->num_nodes; old++) {
    tally(r, before, devices_of(r, old), r->node_devices, 1);
    for (int new = 0; new < r->num_nodes; new ++)
      r->worth[new * r->num_nodes + old] = count_overlap(r, row, devices_of(r, new), r->node_devices);
    tally(r, before, devices_of(r, old), r->node_devices, -1);
  }
  eplb_assignment(r->num_nodes, r->worth, r->node_of, r->scratch);
}

/* The devices of new node `new` go to those of old node `old`. */
static void match_devices(eplb_relabel_t *r, int old, int new, const int32_t *before, const int32_t *row) {
  const int *to = devices_of(r, old), *from = devices_of(r, new);
  for (int i = 0; i < r->node_devices; i++) {
    tally(r, before, &to[i], 1, 1);
    for (int j = 0; j < r->node_devices; j++)
      r->worth[j * r->node_devices + i] = count_overlap(r, row, &from[j], 1);
    tally(r, before, &to[i], 1, -1);
  }
  eplb_assignment(r->node_devices, r->worth, r->column, r->scratch);
  for (int j = 0; j < r->node_devices; j++)
    memcpy(r->row + r->topology->slot_begin[to[r->column[j]]], row + r->topology->slot_begin[from[j]],
           (size_t)r->device_slots * sizeof *row);
}

void eplb_relabel(eplb_relabel_t *r, const int32_t *before, int32_t *row) {
  if (!r->block)
    return;
  match_nodes(r, before, row);
  for (int n = 0; n < r->num_nodes; n++)
    match_devices(r, r->node_of[n], n, before, row);
  memcpy(row, r->row, (size_t)eplb_topology_num_slots(r->topology) * sizeof *row);
}
