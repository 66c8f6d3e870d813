/* Chained replicas, for jobs that set shares from each batch's own counts.
 *
 * Problem: where dispatch may divide an expert's load over its replicas unevenly, a placement is good if load can flow
 * from any device to any other along experts that both hold. This is process flexibility: a long chain through all
 * devices is nearly as good as full flexibility (Jordan and Graves, "Principles on the benefits of manufacturing
 * process flexibility", 1995).
 * Method, from scratch: spare slots go to experts that are too large for one device, then to the largest others; the
 * replicas of an expert take consecutive places of one of several orders of all devices (long chains of strides 1, 5,
 * 9, 13), where devices get dearer least; experts of one replica are placed after that. From a placement that is
 * there: chain_rewire.c, with loads divided as shares would (chain_flow.c).
 * Measured on recorded loads, 288 slots on 32 devices: .96 with shares, where replicas in pairs reach .91. With an
 * equal split it is .01 to .07 worse than the history planner. */
#include "core/plan/history/chain.h"
#include "core/util/alloc.h"
#include "core/util/heap.h"
#include <string.h>

/* ---- counts ---- */

/* The priority of an expert for the next spare slot: the lowest rule first, within a rule the largest value. */
static uint64_t claim(const eplb_history_state_t *s, int e, int rule) {
  float r = (float)s->count[e];
  return eplb_key_heavy(rule == 0 ? s->peak[e] / r : s->mean[e] / r, (uint32_t)e);
}

/* A replica with more than this part of a mean device's load in any window is too large to be balanced by others. */
static const float TOO_LARGE = .7f;

static int rule_of(const eplb_history_state_t *s, int e) {
  int too_large = s->peak[e] > TOO_LARGE * (float)s->count[e];
  return s->count[e] > 1 ? (too_large ? 0 : 3) : (too_large ? 1 : 2);
}

void eplb_chain_count(eplb_history_state_t *s) {
  int spare = s->num_slots - s->num_experts;
  for (int e = 0; e < s->num_experts; e++)
    s->count[e] = 1;
  for (; spare > 0; spare--) {
    int best = -1, best_rule = 4;
    uint64_t best_claim = 0;
    for (int e = 0; e < s->num_experts; e++) {
      int rule = rule_of(s, e);
      if (rule > best_rule || s->count[e] >= s->usable_devices)
        continue;
      uint64_t c = claim(s, e, rule);
      if (rule < best_rule || c < best_claim) {
        best = e;
        best_rule = rule;
        best_claim = c;
      }
    }
    if (best < 0)
      return;
    s->count[best]++;
  }
}

/* ---- long chains ---- */

static int common_divisor(int a, int b) {
  return b == 0 ? a : common_divisor(b, a % b);
}

/* The strides of up to `wanted` long chains, each of which visits all places in another order: 1, 5, 9, 13, ... if they
 * have no factor in common with the places. */
static int choose_strides(int num_places, int wanted, int *stride) {
  int found = 0;
  for (int offset = 1; offset <= 3; offset += 2)
    for (int s = offset; 2 * s <= num_places && found < wanted; s += 4)
      if (common_divisor(s, num_places) == 1)
        stride[found++] = s;
  return found;
}

static int device_at(const eplb_chain_t *l, int chain, int place) {
  int n = l->num_places;
  return l->device[(int64_t)(place % n) * l->stride[chain] % n];
}

static uint8_t *link_at(const eplb_chain_t *l, int chain, int place) {
  return &l->taken[chain * l->num_places + place % l->num_places];
}

/* By how much the devices' prices rise if an expert's replicas are put at consecutive places; negative if they cannot
 * be put there. */
static float price_of_run(const eplb_chain_t *l, const eplb_history_state_t *s, int chain, int place, int expert) {
  float more = 0;
  for (int i = 0; i < s->count[expert]; i++) {
    int d = device_at(l, chain, place + i);
    if ((i + 1 < s->count[expert] && *link_at(l, chain, place + i)) || !eplb_history_state_can_take(s, d, expert))
      return -1;
    more += eplb_history_state_increase(s, expert, d);
  }
  return more;
}

/* Places an expert's replicas along one long chain if possible, else independently. */
static void place_chained(eplb_chain_t *l, eplb_history_state_t *s, int expert) {
  int best_chain = -1, best_place = 0;
  float least = 0;
  for (int chain = 0; chain < l->num_chains; chain++)
    for (int place = 0; place < l->num_places; place++) {
      float more = price_of_run(l, s, chain, place, expert);
      if (more >= 0 && (best_chain < 0 || more < least)) {
        best_chain = chain;
        best_place = place;
        least = more;
      }
    }
  if (best_chain < 0) {
    eplb_history_state_place(s, expert);
    return;
  }
  for (int i = 0; i < s->count[expert]; i++) {
    if (i + 1 < s->count[expert])
      *link_at(l, best_chain, best_place + i) = 1;
    eplb_history_state_put(s, expert, device_at(l, best_chain, best_place + i));
  }
}

void eplb_chain_construct(eplb_chain_t *l, eplb_history_state_t *s) {
  int spare = -s->num_experts, most = 0;
  for (int e = 0; e < s->num_experts; e++) {
    spare += s->count[e];
    most = s->count[e] > most ? s->count[e] : most;
    s->key[e] = s->mean[e];
  }
  int wanted = (spare + l->num_places - 1) / l->num_places;
  l->num_chains = choose_strides(l->num_places, wanted < EPLB_CHAIN_MAX ? wanted : EPLB_CHAIN_MAX, l->stride);
  memset(l->taken, 0, (size_t)EPLB_CHAIN_MAX * (size_t)l->num_places);
  eplb_history_state_sort(s);
  for (int count = most; count > 1; count--)
    for (int i = 0; i < s->num_experts; i++)
      if (s->count[s->order[i]] == count)
        place_chained(l, s, s->order[i]);
  for (int i = 0; i < s->num_experts; i++)
    if (s->count[s->order[i]] == 1)
      eplb_history_state_place(s, s->order[i]);
}

void eplb_chain_fix(eplb_history_state_t *s) {
  for (int slot = 0; slot < s->num_slots; slot++)
    s->fixed[slot] = s->expert[slot] != EPLB_EMPTY && s->count[s->expert[slot]] > 1;
}

/* ---- life ---- */

/* With base NULL only finds the size of the block. */
static size_t carve_chain(eplb_chain_t *l, size_t devices, size_t experts, size_t slots, char *base) {
  size_t used = 0;
  l->served_load = eplb_carve(base, &used, slots, sizeof *l->served_load);
  l->saved_served_load = eplb_carve(base, &used, slots, sizeof *l->saved_served_load);
  l->saved_shift = eplb_carve(base, &used, devices, sizeof *l->saved_shift);
  l->saved_time = eplb_carve(base, &used, devices, sizeof *l->saved_time);
  l->device = eplb_carve(base, &used, devices, sizeof *l->device);
  l->next = eplb_carve(base, &used, slots, sizeof *l->next);
  l->any = eplb_carve(base, &used, experts, sizeof *l->any);
  l->taken = eplb_carve(base, &used, EPLB_CHAIN_MAX * devices, sizeof *l->taken);
  return used;
}

eplb_status_t eplb_chain_create(const eplb_topology_t *topology, int num_experts, eplb_chain_t *l) {
  size_t devices = (size_t)topology->num_devices, slots = (size_t)eplb_topology_num_slots(topology);
  *l = (eplb_chain_t){.least_served = EPLB_CHAIN_LEAST_SERVED};
  l->block = eplb_new(carve_chain(l, devices, (size_t)num_experts, slots, NULL), 1);
  if (!l->block)
    return EPLB_ERR_MEMORY;
  carve_chain(l, devices, (size_t)num_experts, slots, l->block);
  for (int d = 0; d < topology->num_devices; d++)
    if (topology->slot_begin[d + 1] > topology->slot_begin[d])
      l->device[l->num_places++] = d;
  return EPLB_SUCCESS;
}

void eplb_chain_free(eplb_chain_t *l) {
  free(l->block);
  l->block = NULL;
}
