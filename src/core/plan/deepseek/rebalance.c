/* DeepSeek's EPLB, bit for bit: github.com/deepseek-ai/EPLB, eplb.py, commit d52c72d, with a stable sort. The global
 * policy is the hierarchical one with one group and one node. Names in quotes are those of eplb.py. */
#include "core/plan/deepseek/rebalance.h"
#include "core/model/placement.h"
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/alloc.h"
#include <math.h>

typedef struct reference {
  int num_experts, num_groups, num_nodes; /* of a layer, in all */
  int group_size, node_experts, node_slots, node_devices;
  float *weight;        /* [num_experts] "weight" */
  float *group_weight;  /* [num_groups] "tokens_per_group" */
  int32_t *group_node;  /* [num_groups] */
  int32_t *group_place; /* [num_groups] */
  int32_t *expert;      /* [num_experts] "mlog2log": experts node by node */
  float *node_weight;   /* [node_experts] "tokens_per_mlog" of one node */
  int32_t *slot_expert; /* [node_slots] "phy2mlog" of one node: number among the node's experts */
  int32_t *replica;     /* [node_slots] "phyrank" */
  int32_t *count;       /* [node_experts] "mlogcnt" */
  float *slot_weight;   /* [node_slots] "tokens_per_phy" */
  int32_t *device;      /* [node_slots] "pack_index" */
  int32_t *place;       /* [node_slots] "rank_in_pack" */
  int32_t *replica_at;  /* [num_slots]: of the topology's slots, which replica of its expert it is */
  uint64_t *heap;       /* [node_experts] */
  eplb_balanced_packing_scratch_t scratch;
} reference_t;

/* Lays all arrays into one block; with base NULL only finds its size. */
static size_t lay_out_reference(reference_t *r, char *base) {
  size_t used = 0;
  int experts = r->node_experts, slots = r->node_slots;
  int items = slots > r->num_groups ? slots : r->num_groups; /* of the larger of the two packings */
  int packs = r->node_devices > r->num_nodes ? r->node_devices : r->num_nodes;
  r->weight = eplb_carve(base, &used, (size_t)r->num_experts, sizeof(float));
  r->group_weight = eplb_carve(base, &used, (size_t)r->num_groups, sizeof(float));
  r->group_node = eplb_carve(base, &used, (size_t)r->num_groups, sizeof(int32_t));
  r->group_place = eplb_carve(base, &used, (size_t)r->num_groups, sizeof(int32_t));
  r->expert = eplb_carve(base, &used, (size_t)r->num_experts, sizeof(int32_t));
  r->node_weight = eplb_carve(base, &used, (size_t)experts, sizeof(float));
  r->slot_expert = eplb_carve(base, &used, (size_t)slots, sizeof(int32_t));
  r->replica = eplb_carve(base, &used, (size_t)slots, sizeof(int32_t));
  r->count = eplb_carve(base, &used, (size_t)experts, sizeof(int32_t));
  r->slot_weight = eplb_carve(base, &used, (size_t)slots, sizeof(float));
  r->device = eplb_carve(base, &used, (size_t)slots, sizeof(int32_t));
  r->place = eplb_carve(base, &used, (size_t)slots, sizeof(int32_t));
  r->replica_at = eplb_carve(base, &used, (size_t)(slots * r->num_nodes), sizeof(int32_t));
  r->heap = eplb_carve(base, &used, (size_t)experts, sizeof(uint64_t));
  r->scratch.keys = eplb_carve(base, &used, (size_t)items, sizeof(uint64_t));
  r->scratch.spare = eplb_carve(base, &used, (size_t)items, sizeof(uint64_t));
  r->scratch.heap = eplb_carve(base, &used, (size_t)packs, sizeof(uint64_t));
  r->scratch.weight = eplb_carve(base, &used, (size_t)packs, sizeof(float));
  r->scratch.filled = eplb_carve(base, &used, (size_t)packs, sizeof(int32_t));
  return used;
}

/* 1, or the power of two that brings the largest load to at least 1 where float would lose loads so small. */
static double scale_of(int num_experts, const double *load) {
  double largest = 0;
  for (int e = 0; e < num_experts; e++)
    largest = fmax(largest, load[e]);
  return largest > 0 && largest < 0x1p-50 ? ldexp(1, -ilogb(largest)) : 1;
}

/* Step 1: whole groups to nodes. */
static void pack_groups(reference_t *r, const double *load) {
  double scale = scale_of(r->num_experts, load);
  for (int e = 0; e < r->num_experts; e++)
    r->weight[e] = (float)(load[e] * scale) + 0.0f; /* no negative zero: order keys need the sign bit clear */
  for (int g = 0; g < r->num_groups; g++) {
    float sum = 0;
    for (int k = 0; k < r->group_size; k++)
      sum += r->weight[g * r->group_size + k];
    r->group_weight[g] = sum;
  }
  eplb_balanced_packing(r->num_groups, r->group_weight, r->num_nodes, r->group_node, r->group_place, &r->scratch);
  int node_groups = r->num_groups / r->num_nodes;
  for (int g = 0; g < r->num_groups; g++) {
    int first = (r->group_node[g] * node_groups + r->group_place[g]) * r->group_size;
    for (int k = 0; k < r->group_size; k++)
      r->expert[first + k] = g * r->group_size + k;
  }
}

/* Steps 2 and 3: replicas within a node, then to its devices. */
static void pack_node(reference_t *r, int node) {
  const int32_t *expert = r->expert + node * r->node_experts;
  for (int i = 0; i < r->node_experts; i++)
    r->node_weight[i] = r->weight[expert[i]];
  const eplb_replicas_t replicas = {r->slot_expert, r->replica, r->count, r->heap};
  eplb_replicate(r->node_experts, r->node_weight, r->node_slots, &replicas);
  for (int s = 0; s < r->node_slots; s++)
    r->slot_weight[s] = r->node_weight[r->slot_expert[s]] / (float)r->count[r->slot_expert[s]];
  eplb_balanced_packing(r->node_slots, r->slot_weight, r->node_devices, r->device, r->place, &r->scratch);
}

/* The node's part of a layer's maps. */
static void write_node(reference_t *r, int node, const eplb_topology_t *topology, eplb_placement_t *placement,
                       int layer) {
  const int *device = topology->node_device + node * r->node_devices;
  const int32_t *expert = r->expert + node * r->node_experts;
  int32_t *row = eplb_placement_row(placement, layer), *count = eplb_placement_counts(placement, layer);
  for (int i = 0; i < r->node_experts; i++)
    count[expert[i]] = r->count[i];
  for (int s = 0; s < r->node_slots; s++) {
    int slot = topology->slot_begin[device[r->device[s]]] + r->place[s];
    row[slot] = expert[r->slot_expert[s]];
    r->replica_at[slot] = r->replica[s];
  }
}

/* The inverse, replicas in the order in which they were made. */
static void write_inverse(const reference_t *r, eplb_placement_t *placement, int layer) {
  const int32_t *row = eplb_placement_row(placement, layer), *count = eplb_placement_counts(placement, layer);
  int32_t *begin = placement->replica_begin + (size_t)layer * ((size_t)placement->num_experts + 1);
  begin[0] = 0;
  for (int e = 0; e < placement->num_experts; e++)
    begin[e + 1] = begin[e] + count[e];
  for (int s = 0; s < placement->num_slots; s++)
    eplb_placement_replicas(placement, layer, row[s])[r->replica_at[s]] = s;
}

eplb_status_t eplb_deepseek_rebalance(int num_groups, int num_nodes, const eplb_topology_t *topology,
                                      const double *load, eplb_placement_t *placement) {
  reference_t r = {.num_experts = placement->num_experts,
                   .num_groups = num_groups,
                   .num_nodes = num_nodes,
                   .group_size = placement->num_experts / num_groups,
                   .node_experts = placement->num_experts / num_nodes,
                   .node_slots = placement->num_slots / num_nodes,
                   .node_devices = topology->num_devices / num_nodes};
  char *block = eplb_new(lay_out_reference(&r, NULL), 1);
  if (!block)
    return EPLB_ERR_MEMORY;
  lay_out_reference(&r, block);
  for (int l = 0; l < placement->num_layers; l++) {
    pack_groups(&r, load + (size_t)l * (size_t)placement->num_experts);
    for (int n = 0; n < num_nodes; n++) {
      pack_node(&r, n);
      write_node(&r, n, topology, placement, l);
    }
    write_inverse(&r, placement, l);
  }
  free(block);
  return EPLB_SUCCESS;
}
