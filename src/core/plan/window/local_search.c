/* Steepest descent on the busiest device.
 *
 * Method: among all swaps of a slot of the busiest device with a slot of another, take the one that leaves the larger
 * of the two times smallest; where no swap helps, among all recounts (one expert loses a replica, another gets its
 * slot) the best in the same sense. Only changes of the busiest device can lower the largest time, so nothing else is
 * looked at.
 * Cost: O(slots of the busiest device x all slots) for a swap, in vector lanes: a first pass finds a lower bound for
 * each slot of the busiest device in single precision, and only slots whose bound beats the best so far are looked at
 * exactly. */
#include "core/plan/window/local_search.h"
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/heap.h"
#include "core/util/simd.h"
#include <math.h>
#include <string.h>

/* The best change that has been found: slot a gets what slot b holds and the other way round, or with b < 0 slot a gets
 * `expert`. */
typedef struct change {
  int a, b, expert;
  double worst; /* the largest time of the devices it touches, afterwards */
} change_t;

/* The larger time of both devices after a swap of slot `a` with each of four others. */
static inline eplb_simd4_t swap_lanes(const eplb_window_state_t *l, float replica_load, float from, float slow,
                                      int at) {
  eplb_simd4_t moved = replica_load - eplb_simd4_load(l->slot_replica_load + at);
  eplb_simd4_t down = from - moved * slow;
  eplb_simd4_t up = eplb_simd4_load(l->slot_time + at) + moved * eplb_simd4_load(l->slot_inverse_speed + at);
  return eplb_simd4_max(down, up);
}

/* The least of these over all slots: not below slot a's time now where no swap lowers it, as within its own device. */
static float least_worst(const eplb_window_state_t *l, int a) {
  float replica_load = l->slot_replica_load[a], from = l->slot_time[a], slow = l->slot_inverse_speed[a];
  eplb_simd4_t even = {INFINITY, INFINITY, INFINITY, INFINITY}, odd = even;
  for (int b = 0; b < l->num_slots; b += EPLB_SIMD_WIDTH) {
    eplb_simd4_t first = swap_lanes(l, replica_load, from, slow, b),
                 second = swap_lanes(l, replica_load, from, slow, b + 4);
    even = eplb_simd4_min(first, even);
    odd = eplb_simd4_min(second, odd);
  }
  even = eplb_simd4_min(odd, even);
  float result = even[0];
  for (int i = 1; i < 4; i++)
    result = even[i] < result ? even[i] : result;
  return result;
}

/* One swap exactly; a second replica on a device is none. */
static void try_swap(const eplb_window_state_t *l, int a, int b, change_t *best) {
  int from = l->device[a], to = l->device[b];
  double moved = l->replica_load[l->expert[a]] - l->replica_load[l->expert[b]];
  double down = l->time[from] - moved * l->inverse_speed[from], up = l->time[to] + moved * l->inverse_speed[to];
  double worst = down > up ? down : up;
  if (worst < best->worst && !eplb_window_state_holds(l, to, l->expert[a]) &&
      !eplb_window_state_holds(l, from, l->expert[b]))
    *best = (change_t){a, b, 0, worst};
}

/* Swaps of slot `a` that bring both devices to `limit` or below. */
static void try_swaps(const eplb_window_state_t *l, int a, float limit, change_t *best) {
  float replica_load = l->slot_replica_load[a], from = l->slot_time[a], slow = l->slot_inverse_speed[a];
  for (int b = 0; b < l->num_slots; b += 4) {
    eplb_simd4_mask_t hit = swap_lanes(l, replica_load, from, slow, b) <= limit;
    if (eplb_simd4_mask_any(hit))
      for (int i = 0; i < 4; i++)
        if (hit[i])
          try_swap(l, a, b + i, best);
  }
}

/* The best swap of the busiest device, its slots in the order of what they lower bound. */
static void find_swap(eplb_window_state_t *l, int busiest, change_t *best) {
  int begin = l->slot_begin[busiest], end = l->slot_begin[busiest + 1];
  for (int a = begin; a < end; a++)
    l->lower_bound[a - begin] = least_worst(l, a);
  l->work -= (int64_t)(end - begin) * l->num_slots;
  for (int k = begin; k < end; k++) {
    int a = begin;
    for (int i = begin + 1; i < end; i++)
      if (l->lower_bound[i - begin] < l->lower_bound[a - begin])
        a = i;
    float least = l->lower_bound[a - begin], limit = (float)best->worst;
    if (least >= limit)
      return;
    try_swaps(l, a, least, best);
    if (best->worst > least + 1e-6f) /* a second replica, as it seems: then all others */
      try_swaps(l, a, limit, best);
    l->lower_bound[a - begin] = INFINITY;
    l->work -= l->num_slots;
  }
}

/* The swap between two devices that brings their times nearest to each other. */
static void try_pair(const eplb_window_state_t *l, int from, int to, change_t *best) {
  for (int a = l->slot_begin[from]; a < l->slot_begin[from + 1]; a++)
    for (int b = l->slot_begin[to]; b < l->slot_begin[to + 1]; b++)
      if (l->slot_replica_load[a] > l->slot_replica_load[b])
        try_swap(l, a, b, best);
}

void eplb_local_search_pairs(eplb_window_state_t *l, uint64_t *keys, uint64_t *spare) {
  for (int d = 0; d < l->num_devices; d++)
    keys[d] = eplb_key_light((float)l->time[d], (uint32_t)d);
  eplb_sort_keys(keys, spare, l->num_devices);
  for (int light = 0, heavy = l->num_devices - 1; light < heavy; light++, heavy--) {
    int from = (int)eplb_key_index(keys[heavy]), to = (int)eplb_key_index(keys[light]);
    change_t best = {-1, -1, 0, l->time[from] * (1 - 1e-6)};
    try_pair(l, from, to, &best);
    if (best.a >= 0)
      eplb_window_state_swap(l, best.a, best.b);
  }
}

/* What becomes of the devices of an expert that gives up one replica: the two largest times, leaving out `busiest`. */
typedef struct rise {
  double replica_load; /* of each replica left */
  double top[2];       /* largest times */
  int top_device;      /* that of top[0] */
  int on_busiest;      /* whether the busiest device holds it */
} rise_t;

static rise_t find_rise(const eplb_window_state_t *l, int expert, int busiest) {
  rise_t r = {l->weight[expert] / (l->count[expert] - 1), {0, 0}, -1, 0};
  double more = r.replica_load - l->replica_load[expert];
  for (int s = l->first[expert]; s >= 0; s = l->next[s]) {
    int d = l->device[s];
    if (d == busiest) {
      r.on_busiest = 1;
      continue;
    }
    double time = l->time[d] + more * l->inverse_speed[d];
    if (time > r.top[0]) {
      r.top[1] = r.top[0];
      r.top[0] = time;
      r.top_device = d;
    } else if (time > r.top[1]) {
      r.top[1] = time;
    }
  }
  return r;
}

/* An expert of the busiest device gets the slot of a replica that another expert can spare. */
static void try_relief(const eplb_window_state_t *l, int busiest, int slot, const rise_t *rise, change_t *best) {
  int giver = l->expert[slot], d = l->device[slot];
  double others = d == rise->top_device ? rise->top[1] : rise->top[0];
  double own = rise->on_busiest ? (rise->replica_load - l->replica_load[giver]) * l->inverse_speed[busiest] : 0;
  if (others >= best->worst)
    return;
  for (int a = l->slot_begin[busiest]; a < l->slot_begin[busiest + 1]; a++) {
    int e = l->expert[a];
    if (e == EPLB_EMPTY || e == giver)
      continue;
    double replica_load = l->weight[e] / (l->count[e] + 1);
    double relieved = l->time[busiest] + own - (l->replica_load[e] - replica_load) * l->inverse_speed[busiest];
    double there = l->time[d] + (replica_load - l->replica_load[giver]) * l->inverse_speed[d];
    double worst = relieved > there ? relieved : there;
    if (worst < best->worst && !eplb_window_state_holds(l, d, e))
      *best = (change_t){slot, -1, e, worst > others ? worst : others};
  }
}

/* The busiest device gives up a replica that others can do without, for a replica of any expert that it does not
 * hold. */
static void try_exchange(const eplb_window_state_t *l, int busiest, int slot, const rise_t *rise, change_t *best) {
  int giver = l->expert[slot];
  if (rise->top[0] >= best->worst)
    return;
  for (int e = 0; e < l->num_experts; e++) {
    double replica_load = l->weight[e] / (l->count[e] + 1);
    double worst = l->time[busiest] + (replica_load - l->replica_load[giver]) * l->inverse_speed[busiest];
    if (worst < best->worst && e != giver && !eplb_window_state_holds(l, busiest, e))
      *best = (change_t){slot, -1, e, worst > rise->top[0] ? worst : rise->top[0]};
  }
}

static void find_recount(eplb_window_state_t *l, int busiest, change_t *best) {
  int slots = l->slot_begin[busiest + 1] - l->slot_begin[busiest];
  for (int f = 0; f < l->num_experts; f++) {
    if (l->count[f] < 2)
      continue;
    rise_t rise = find_rise(l, f, busiest);
    if (rise.top[1] >= best->worst) /* two devices of which only one can be spared */
      continue;
    for (int s = l->first[f]; s >= 0; s = l->next[s]) {
      if (l->device[s] != busiest)
        try_relief(l, busiest, s, &rise, best);
      else
        try_exchange(l, busiest, s, &rise, best);
    }
    l->work -= (int64_t)l->count[f] * slots;
  }
}

static void apply_change(eplb_window_state_t *l, const change_t *c) {
  if (c->b >= 0)
    eplb_window_state_swap(l, c->a, c->b);
  else
    eplb_window_state_set(l, c->a, c->expert);
}

double eplb_local_search(eplb_window_state_t *l, double target) {
  enum { TINY = 40 };
  for (;;) {
    int busiest = eplb_window_state_busiest(l);
    double now = l->time[busiest];
    if (now <= target || l->work <= 0)
      return now;
    change_t best = {-1, -1, 0, now - ldexp(now, -TINY)}; /* less is rounding */
    find_swap(l, busiest, &best);
    if (best.a < 0)
      find_recount(l, busiest, &best);
    if (best.a < 0)
      return now;
    apply_change(l, &best);
  }
}
