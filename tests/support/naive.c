#include "naive.h"
#include <string.h>

/* balanced_packing: the heaviest item left goes to the lightest pack with room. */
static void pack_balanced(int num_items, int num_packs, const float *weight, int *pack, int *rank) {
  float load[NAIVE_MAX_SLOTS] = {0};
  int filled[NAIVE_MAX_SLOTS] = {0}, done[NAIVE_MAX_SLOTS] = {0}, room = num_items / num_packs;
  for (int i = 0; i < num_items; i++) {
    int heaviest = -1, lightest = -1;
    for (int j = 0; j < num_items; j++)
      if (!done[j] && (heaviest < 0 || weight[j] > weight[heaviest]))
        heaviest = j;
    for (int p = 0; p < num_packs; p++)
      if (filled[p] < room && (lightest < 0 || load[p] < load[lightest]))
        lightest = p;
    if (room == 1) /* the original then keeps the items in their order */
      heaviest = lightest = i;
    done[heaviest] = 1;
    pack[heaviest] = lightest;
    rank[heaviest] = filled[lightest]++;
    load[lightest] += weight[heaviest];
  }
}

/* replicate_experts: one more replica for the expert whose replicas carry most. */
static void replicate(int num_experts, int num_slots, const float *weight, int *expert, int *rank, int *count) {
  for (int s = 0; s < num_slots; s++) {
    int most = 0;
    if (s < num_experts) {
      most = s;
      count[s] = 0;
    } else
      for (int e = 1; e < num_experts; e++)
        if (weight[e] / (float)count[e] > weight[most] / (float)count[most])
          most = e;
    expert[s] = most;
    rank[s] = count[most]++;
  }
}

void naive_eplb(int num_experts, int num_slots, int num_groups, int num_nodes, int num_devices, const double *load,
                int32_t *physical_to_logical, int32_t *replica, int32_t *count) {
  if (num_groups % num_nodes)
    num_groups = num_nodes = 1;
  int group_size = num_experts / num_groups, node_experts = num_experts / num_nodes;
  int node_slots = num_slots / num_nodes, node_devices = num_devices / num_nodes, width = num_slots / num_devices;
  float group_load[NAIVE_MAX_SLOTS] = {0}, weight[NAIVE_MAX_SLOTS], slot_load[NAIVE_MAX_SLOTS];
  int node[NAIVE_MAX_SLOTS], place[NAIVE_MAX_SLOTS], logical[NAIVE_MAX_SLOTS], expert[NAIVE_MAX_SLOTS];
  int rank[NAIVE_MAX_SLOTS], node_count[NAIVE_MAX_SLOTS], device[NAIVE_MAX_SLOTS], position[NAIVE_MAX_SLOTS];

  for (int e = 0; e < num_experts; e++)
    group_load[e / group_size] += (float)load[e];
  pack_balanced(num_groups, num_nodes, group_load, node, place);
  for (int e = 0; e < num_experts; e++) /* experts by node, then group, then number */
    logical[node[e / group_size] * node_experts + place[e / group_size] * group_size + e % group_size] = e;

  for (int n = 0; n < num_nodes; n++) {
    const int *own = logical + n * node_experts;
    for (int i = 0; i < node_experts; i++)
      weight[i] = (float)load[own[i]];
    replicate(node_experts, node_slots, weight, expert, rank, node_count);
    for (int s = 0; s < node_slots; s++)
      slot_load[s] = weight[expert[s]] / (float)node_count[expert[s]];
    pack_balanced(node_slots, node_devices, slot_load, device, position);
    for (int s = 0; s < node_slots; s++) {
      int slot = n * node_slots + device[s] * width + position[s];
      physical_to_logical[slot] = own[expert[s]];
      replica[slot] = rank[s];
    }
    for (int i = 0; i < node_experts; i++)
      count[own[i]] = node_count[i];
  }
}
