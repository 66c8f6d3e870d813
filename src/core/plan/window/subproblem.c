/* A smaller planning problem cut out of a layer: some experts, in the slots of some devices, in arrays of its own. Node
 * by node planning (hierarchical policy) and whole layers use the same planner code this way. */
#include "core/plan/window/subproblem.h"
#include "core/util/alloc.h"
#include <math.h>

static void lay_out_layer(eplb_subproblem_t *p, char *base, size_t *used) {
  eplb_window_state_t *l = &p->layer;
  size_t experts = (size_t)p->num_experts, devices = (size_t)p->topology->num_devices;
  size_t slots = (size_t)eplb_topology_num_slots(p->topology), lanes = EPLB_SIMD_ROUND_UP(slots);
  p->slot_begin = eplb_carve(base, used, devices + 1, sizeof(int));
  p->weight = eplb_carve(base, used, experts, sizeof(double));
  p->inverse_speed = eplb_carve(base, used, devices, sizeof(double));
  l->expert = eplb_carve(base, used, slots, sizeof(int32_t));
  l->device = eplb_carve(base, used, slots, sizeof(int32_t));
  l->count = eplb_carve(base, used, experts, sizeof(int32_t));
  l->replica_load = eplb_carve(base, used, experts + 1, sizeof(double));
  l->first = eplb_carve(base, used, experts, sizeof(int32_t));
  l->next = eplb_carve(base, used, slots, sizeof(int32_t));
  l->before = eplb_carve(base, used, slots, sizeof(int32_t));
  l->time = eplb_carve(base, used, devices, sizeof(double));
  l->slot_replica_load = eplb_carve(base, used, lanes, sizeof(float));
  l->slot_time = eplb_carve(base, used, lanes, sizeof(float));
  l->slot_inverse_speed = eplb_carve(base, used, lanes, sizeof(float));
  l->lower_bound = eplb_carve(base, used, slots, sizeof(float));
  if (base)
    l->replica_load++; /* that of EPLB_EMPTY comes first, and is 0 as all of the block */
  l->slot_begin = p->slot_begin;
  l->weight = p->weight;
  l->inverse_speed = p->inverse_speed;
}

static void lay_out_search(eplb_subproblem_t *p, char *base, size_t *used) {
  size_t experts = (size_t)p->num_experts, devices = (size_t)p->topology->num_devices;
  size_t slots = (size_t)eplb_topology_num_slots(p->topology);
  eplb_iterated_search_scratch_t *s = &p->search;
  s->best = eplb_carve(base, used, slots, sizeof(int32_t));
  s->candidate[0] = eplb_carve(base, used, slots, sizeof(int32_t));
  s->candidate[1] = eplb_carve(base, used, slots, sizeof(int32_t));
  s->lpt.keys = eplb_carve(base, used, experts, sizeof(uint64_t));
  s->lpt.spare = eplb_carve(base, used, experts, sizeof(uint64_t));
  s->lpt.heap = eplb_carve(base, used, devices, sizeof(uint64_t));
  s->lpt.other_heap = eplb_carve(base, used, devices, sizeof(uint64_t));
  s->lpt.filled = eplb_carve(base, used, devices, sizeof(int32_t));
  s->lpt.wanted = eplb_carve(base, used, experts, sizeof(int32_t));
  s->differencing.keys = eplb_carve(base, used, slots, sizeof(uint64_t));
  s->differencing.spare = eplb_carve(base, used, slots, sizeof(uint64_t));
  s->differencing.expert = eplb_carve(base, used, slots, sizeof(int32_t));
  s->differencing.next = eplb_carve(base, used, slots, sizeof(int32_t));
  s->differencing.first = eplb_carve(base, used, slots, sizeof(int32_t));
  s->differencing.last = eplb_carve(base, used, slots, sizeof(int32_t));
  s->differencing.sum = eplb_carve(base, used, slots, sizeof(double));
  s->two_slots.item = eplb_carve(base, used, slots + 1, sizeof(eplb_pair_item_t));
  s->two_slots.trial = eplb_carve(base, used, slots + 1, sizeof(eplb_pair_item_t));
}

/* With base NULL only finds the size of the block. */
static size_t lay_out_subproblem(eplb_subproblem_t *p, char *base) {
  size_t used = 0, experts = (size_t)p->num_experts;
  p->load = eplb_carve(base, &used, experts, sizeof(double));
  p->expert_of = eplb_carve(base, &used, experts, sizeof(int32_t));
  p->number_of = eplb_carve(base, &used, experts, sizeof(int32_t));
  p->slot_of = eplb_carve(base, &used, (size_t)eplb_topology_num_slots(p->topology), sizeof(int32_t));
  p->device_of = eplb_carve(base, &used, (size_t)p->topology->num_devices, sizeof(int32_t));
  lay_out_layer(p, base, &used);
  lay_out_search(p, base, &used);
  return used;
}

eplb_status_t eplb_subproblem_create(const eplb_topology_t *topology, int num_experts, eplb_subproblem_t *part) {
  *part = (eplb_subproblem_t){.topology = topology, .num_experts = num_experts};
  char *block = EPLB_NEW(char, lay_out_subproblem(part, NULL));
  if (!block)
    return EPLB_ERR_MEMORY;
  lay_out_subproblem(part, block);
  part->block = block;
  return EPLB_SUCCESS;
}

void eplb_subproblem_free(eplb_subproblem_t *part) {
  free(part->block);
  part->block = NULL;
}

void eplb_subproblem_set_load(eplb_subproblem_t *p, const double *load, double token) {
  double largest = 0;
  for (int e = 0; e < p->num_experts; e++)
    largest = fmax(largest, load[e]);
  for (int e = 0; e < p->num_experts; e++)
    p->load[e] = largest > 0 ? load[e] / largest : 1;
  p->token = largest > 0 ? token / largest : 0;
}

static void select_devices(eplb_subproblem_t *p, int node) {
  const eplb_topology_t *t = p->topology;
  eplb_window_state_t *l = &p->layer;
  int first = node < 0 ? 0 : t->node_begin[node], end = node < 0 ? t->num_devices : t->node_begin[node + 1];
  l->num_devices = end - first;
  l->num_slots = 0;
  for (int i = first; i < end; i++) {
    int d = node < 0 ? i : t->node_device[i];
    p->device_of[i - first] = d;
    p->slot_begin[i - first] = l->num_slots;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++) {
      l->device[l->num_slots] = i - first;
      p->slot_of[l->num_slots++] = s;
    }
  }
  p->slot_begin[end - first] = l->num_slots;
}

static void select_experts(eplb_subproblem_t *p, int node, const int32_t *owner) {
  eplb_window_state_t *l = &p->layer;
  l->num_experts = 0;
  for (int e = 0; e < p->num_experts; e++)
    if (node < 0 || owner[e] == node) {
      p->number_of[e] = l->num_experts;
      p->expert_of[l->num_experts++] = e;
    }
}

/* Units: a mean device time of 1 over the devices that have slots, and a mean speed of 1. */
static void scale(eplb_subproblem_t *p) {
  eplb_window_state_t *l = &p->layer;
  double speed = 0, total = 0;
  int used = 0;
  for (int d = 0; d < l->num_devices; d++)
    if (l->slot_begin[d + 1] > l->slot_begin[d]) {
      speed += p->topology->speed[p->device_of[d]];
      used++;
    }
  for (int d = 0; d < l->num_devices; d++)
    p->inverse_speed[d] = speed / used / p->topology->speed[p->device_of[d]];
  for (int e = 0; e < l->num_experts; e++)
    total += p->load[p->expert_of[e]];
  for (int e = 0; e < l->num_experts; e++)
    p->weight[e] = total > 0 ? p->load[p->expert_of[e]] * used / total : (double)used / l->num_experts;
  l->token = total > 0 ? p->token * used / total : 0;
}

void eplb_subproblem_select(eplb_subproblem_t *p, int node, const int32_t *owner) {
  eplb_window_state_t *l = &p->layer;
  select_devices(p, node);
  select_experts(p, node, owner);
  scale(p);
  for (int s = 0; s < EPLB_SIMD_ROUND_UP(l->num_slots); s++) {
    l->slot_replica_load[s] = 0;
    l->slot_time[s] = INFINITY;
    l->slot_inverse_speed[s] = s < l->num_slots ? (float)l->inverse_speed[l->device[s]] : 1;
  }
}

void eplb_subproblem_read(eplb_subproblem_t *p, const int32_t *row) {
  for (int s = 0; s < p->layer.num_slots; s++) {
    int e = row[p->slot_of[s]];
    p->layer.expert[s] = e == EPLB_EMPTY ? EPLB_EMPTY : p->number_of[e];
  }
}

void eplb_subproblem_write(const eplb_subproblem_t *p, int32_t *row) {
  for (int s = 0; s < p->layer.num_slots; s++) {
    int e = p->layer.expert[s];
    row[p->slot_of[s]] = e == EPLB_EMPTY ? EPLB_EMPTY : p->expert_of[e];
  }
}
