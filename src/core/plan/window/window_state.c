/* The state of one layer that the window planner's searches change: which slot holds what, and the time of each device.
 * A change costs O(slots of the two devices). */
#include "core/plan/window/window_state.h"
#include "core/plan/common/count_noise.h"
#include <math.h>

int eplb_window_state_even(const eplb_window_state_t *l) {
  for (int d = 1; d < l->num_devices; d++)
    if (l->slot_begin[d + 1] - l->slot_begin[d] != l->slot_begin[1] || l->inverse_speed[d] > l->inverse_speed[0] ||
        l->inverse_speed[d] < l->inverse_speed[0])
      return 0;
  return 1;
}

static void sum_device(eplb_window_state_t *l, int device) {
  int begin = l->slot_begin[device], end = l->slot_begin[device + 1];
  double sum = 0;
  for (int s = begin; s < end; s++) {
    double replica_load = l->replica_load[l->expert[s]];
    sum += replica_load;
    l->slot_replica_load[s] = (float)replica_load;
  }
  l->time[device] = sum * l->inverse_speed[device];
  for (int s = begin; s < end; s++)
    l->slot_time[s] = (float)l->time[device];
}

static void link_slot(eplb_window_state_t *l, int slot) {
  int expert = l->expert[slot], first = l->first[expert];
  l->next[slot] = first;
  l->before[slot] = -1;
  if (first >= 0)
    l->before[first] = slot;
  l->first[expert] = slot;
}

static void unlink_slot(eplb_window_state_t *l, int slot) {
  int next = l->next[slot], before = l->before[slot];
  if (next >= 0)
    l->before[next] = before;
  if (before >= 0)
    l->next[before] = next;
  else
    l->first[l->expert[slot]] = next;
}

void eplb_window_state_index(eplb_window_state_t *l) {
  for (int e = 0; e < l->num_experts; e++) {
    l->first[e] = -1;
    l->count[e] = 0;
  }
  for (int s = l->num_slots - 1; s >= 0; s--)
    if (l->expert[s] != EPLB_EMPTY) {
      link_slot(l, s);
      l->count[l->expert[s]]++;
    }
  for (int e = 0; e < l->num_experts; e++)
    l->replica_load[e] = l->weight[e] / l->count[e];
  for (int d = 0; d < l->num_devices; d++)
    sum_device(l, d);
}

double eplb_window_state_expert_noise(const eplb_window_state_t *l, int expert) {
  return expert == EPLB_EMPTY ? 0 : eplb_noise_variance(l->weight[expert], l->token);
}

double eplb_window_state_device_noise(const eplb_window_state_t *l, int device) {
  double sum = 0;
  for (int s = l->slot_begin[device]; s < l->slot_begin[device + 1]; s++)
    if (l->expert[s] != EPLB_EMPTY)
      sum += eplb_window_state_expert_noise(l, l->expert[s]) / l->count[l->expert[s]] / l->count[l->expert[s]];
  return sum * l->inverse_speed[device] * l->inverse_speed[device];
}

/* Puts an expert into a slot; lists only. */
static void put_expert(eplb_window_state_t *l, int slot, int expert) {
  if (l->expert[slot] != EPLB_EMPTY)
    unlink_slot(l, slot);
  l->expert[slot] = expert;
  if (expert != EPLB_EMPTY)
    link_slot(l, slot);
}

void eplb_window_state_swap(eplb_window_state_t *l, int a, int b) {
  int expert = l->expert[a];
  put_expert(l, a, l->expert[b]);
  put_expert(l, b, expert);
  sum_device(l, l->device[a]);
  sum_device(l, l->device[b]);
}

static void recount(eplb_window_state_t *l, int expert, int change) {
  if (expert == EPLB_EMPTY)
    return;
  l->count[expert] += change;
  l->replica_load[expert] = l->weight[expert] / l->count[expert];
  for (int s = l->first[expert]; s >= 0; s = l->next[s])
    sum_device(l, l->device[s]);
}

void eplb_window_state_set(eplb_window_state_t *l, int slot, int expert) {
  int old = l->expert[slot];
  put_expert(l, slot, expert);
  recount(l, old, -1);
  recount(l, expert, 1);
  sum_device(l, l->device[slot]);
}

/* The slot of another device, nearest in replica load, with which `slot` can change what it holds so that neither
 * device has co-located replicas of it; -1 if none. */
static int find_exchange(const eplb_window_state_t *l, int slot) {
  int expert = l->expert[slot], device = l->device[slot], nearest = -1;
  double least = INFINITY;
  for (int s = 0; s < l->num_slots; s++) {
    double apart = fabs(l->replica_load[expert] - l->replica_load[l->expert[s]]);
    if (apart < least && l->device[s] != device && !eplb_window_state_holds(l, l->device[s], expert) &&
        !eplb_window_state_holds(l, device, l->expert[s])) {
      least = apart;
      nearest = s;
    }
  }
  return nearest;
}

static int has_twin(const eplb_window_state_t *l, int slot) {
  int e = l->expert[slot];
  for (int s = e == EPLB_EMPTY || l->count[e] < 2 ? -1 : l->first[e]; s >= 0; s = l->next[s])
    if (s != slot && l->device[s] == l->device[slot])
      return 1;
  return 0;
}

int eplb_window_state_separate_colocated(eplb_window_state_t *l) {
  int remain = 0;
  for (int s = 0; s < l->num_slots; s++) {
    if (!has_twin(l, s))
      continue;
    int other = find_exchange(l, s);
    if (other >= 0)
      eplb_window_state_swap(l, s, other);
    else
      remain++;
  }
  return remain;
}
