/* Constructs a placement for several windows from scratch.
 *
 * Counts: each spare slot goes to the expert with the largest sum_k p_k (load_k / count)^8, by a heap. Places: longest
 * processing time first (see ../window/lpt.c) with series instead of numbers: experts by mean replica load,
 * descending; each replica to the device with room whose price rises least. O(slots x devices). */
#include "core/plan/history/history_state.h"
#include "core/util/heap.h"
#include <stdlib.h>
#include <string.h>

static float eighth_power(int count) {
  float c = (float)count;
  c *= c;
  c *= c;
  return c * c;
}

void eplb_history_state_count(eplb_history_state_t *s) {
  int spare = s->num_slots - s->num_experts, size = s->usable_devices > 1 ? s->num_experts : 0;
  for (int e = 0; e < s->num_experts; e++) {
    s->count[e] = 1;
    s->heap[e] = eplb_key_heavy(s->replication_key[e], (uint32_t)e);
  }
  for (eplb_heap_build(s->heap, size); spare > 0 && size > 0; spare--) {
    int e = (int)eplb_key_index(s->heap[0]);
    if (++s->count[e] < s->usable_devices)
      s->heap[0] = eplb_key_heavy(s->replication_key[e] / eighth_power(s->count[e]), (uint32_t)e);
    else
      s->heap[0] = s->heap[--size];
    eplb_heap_sift(s->heap, size, 0);
  }
}

static int by_key(const void *a, const void *b) {
  const uint64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

void eplb_history_state_sort(eplb_history_state_t *s) {
  for (int e = 0; e < s->num_experts; e++)
    s->heap[e] = eplb_key_heavy(s->key[e], (uint32_t)e);
  qsort(s->heap, (size_t)s->num_experts, sizeof *s->heap, by_key);
  for (int i = 0; i < s->num_experts; i++)
    s->order[i] = (int32_t)eplb_key_index(s->heap[i]);
}

float eplb_history_state_increase(const eplb_history_state_t *s, int expert, int device) {
  eplb_simd4_t sum = {0};
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    sum += eplb_simd4_eighth_power(s->time[device].at[i] + s->replica_load[expert].at[i] * s->inverse_speed[device]);
  return eplb_simd4_sum(sum) - s->price[device];
}

static int cheapest_device(const eplb_history_state_t *s, int expert) {
  int cheapest = -1;
  float least = 0;
  for (int d = 0; d < s->num_devices; d++) {
    if (!eplb_history_state_can_take(s, d, expert))
      continue;
    float more = eplb_history_state_increase(s, expert, d);
    if (cheapest < 0 || more < least) {
      cheapest = d;
      least = more;
    }
  }
  return cheapest;
}

void eplb_history_state_place(eplb_history_state_t *s, int expert) {
  for (int n = s->count[expert]; n > 0; n--) {
    int d = cheapest_device(s, expert);
    if (d < 0)
      return;
    eplb_history_state_put(s, expert, d);
  }
}

void eplb_history_construct(eplb_history_state_t *s) {
  for (int e = 0; e < s->num_experts; e++)
    s->key[e] = s->mean[e] / (float)s->count[e];
  eplb_history_state_sort(s);
  for (int i = 0; i < s->num_experts; i++)
    eplb_history_state_place(s, s->order[i]);
}
