/* Replica counts by a heap, and longest processing time first (Graham, "Bounds on multiprocessing timing anomalies",
 * 1969) with a limit of slots for each device.
 *
 * Counts: spare slots go one by one to the expert with the largest load / count. No other counts have a smaller
 * largest replica load. With a cut, experts above it first get as many replicas as bring them below.
 * Places: experts by replica load, descending; the replicas of one go to the lightest devices that have room, each on
 * a device of its own. O(slots log devices).
 * DeepSeek's packing is the same idea without the rule that replicas of an expert lie on different devices; co-located
 * replicas waste a slot. */
#include "core/plan/window/lpt.h"
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/heap.h"
#include <math.h>

/* So little that it decides only between experts that have no load to speak of: those then share spare slots evenly. */
static const double NOTHING = 1e-9;

static uint64_t key_of(const eplb_window_state_t *l, int e) {
  return eplb_key_heavy((float)((l->weight[e] + NOTHING) / l->count[e]), (uint32_t)e);
}

/* How many slots can hold different experts, and in *most on how many devices. */
static int64_t count_usable(const eplb_window_state_t *l, int *most) {
  int64_t usable = 0;
  *most = 0;
  for (int d = 0; d < l->num_devices; d++) {
    int slots = l->slot_begin[d + 1] - l->slot_begin[d];
    usable += slots < l->num_experts ? slots : l->num_experts;
    *most += slots > 0;
  }
  return usable;
}

/* What it takes to bring the replica loads of all experts to `cut` and below. */
static int count_for(const eplb_window_state_t *l, int e, double cut, int most) {
  double needed = ceil(l->weight[e] / cut);
  return needed > most ? most : needed > 1 ? (int)needed : 1;
}

int eplb_lpt_counts(eplb_window_state_t *l, double cut, eplb_lpt_scratch_t *scratch) {
  int most;
  int64_t spare = count_usable(l, &most) - l->num_experts;
  for (int e = 0; e < l->num_experts; e++) {
    l->count[e] = count_for(l, e, cut, most);
    spare -= l->count[e] - 1;
    scratch->keys[e] = l->count[e] < most && l->weight[e] <= cut ? key_of(l, e) : UINT64_MAX;
  }
  if (spare < 0)
    return 0;
  eplb_heap_build(scratch->keys, l->num_experts);
  for (; spare > 0 && *scratch->keys != UINT64_MAX; spare--) {
    int e = (int)eplb_key_index(*scratch->keys);
    *scratch->keys = ++l->count[e] < most ? key_of(l, e) : UINT64_MAX;
    eplb_heap_sift(scratch->keys, l->num_experts, 0);
  }
  return 1;
}

/* ---- places ---- */

/* A device's place in the order: its time so far; of equals the faster, were it to get a mean replica. */
static uint64_t device_key(const eplb_window_state_t *l, int d, double mean_share) {
  return eplb_key_light((float)((l->time[d] + mean_share) * l->inverse_speed[d]), (uint32_t)d);
}

static void clear(eplb_window_state_t *l, eplb_lpt_scratch_t *scratch) {
  for (int s = 0; s < l->num_slots; s++)
    l->expert[s] = EPLB_EMPTY;
  for (int d = 0; d < l->num_devices; d++) {
    l->time[d] = 0; /* the load, until all is indexed */
    scratch->filled[d] = 0;
  }
}

void eplb_lpt_sort(const eplb_window_state_t *l, eplb_lpt_scratch_t *scratch) {
  for (int e = 0; e < l->num_experts; e++)
    scratch->keys[e] = eplb_key_heavy((float)(l->weight[e] / l->count[e]), (uint32_t)e);
  eplb_sort_keys(scratch->keys, scratch->spare, l->num_experts);
}

static void give(eplb_window_state_t *l, int expert, int d, eplb_lpt_scratch_t *scratch) {
  l->expert[l->slot_begin[d] + scratch->filled[d]++] = expert;
  l->time[d] += l->weight[expert] / l->count[expert];
}

static int room(const eplb_window_state_t *l, int d, const eplb_lpt_scratch_t *scratch) {
  return l->slot_begin[d + 1] - l->slot_begin[d] - scratch->filled[d];
}

/* Takes the lightest devices for an expert's replicas; skipped devices stay in the heap. Returns how many replicas
 * found no device. */
static int place_expert(eplb_window_state_t *l, int expert, double mean_share, int *open, eplb_lpt_scratch_t *scratch) {
  int wanted = l->count[expert], taken = 0, size = *open;
  uint64_t *heap = scratch->heap;
  if (wanted == 1 && size > 0) {
    int d = (int)eplb_key_index(*heap);
    give(l, expert, d, scratch);
    *heap = room(l, d, scratch) ? device_key(l, d, mean_share) : heap[--size];
    eplb_heap_sift(heap, size, 0);
    *open = size;
    return 0;
  }
  for (; taken < wanted && size > 0; taken++) { /* what is popped is parked behind the heap */
    uint64_t top = *heap;
    *heap = heap[--size];
    eplb_heap_sift(heap, size, 0);
    heap[size] = top;
  }
  int parked = size + taken;
  for (int i = size; i < parked; i++) {
    int d = (int)eplb_key_index(heap[i]);
    give(l, expert, d, scratch);
    if (room(l, d, scratch))
      eplb_heap_push(heap, size++, device_key(l, d, mean_share));
  }
  *open = size;
  return wanted - taken;
}

/* ---- where devices with room hold the expert already ---- */

/* Makes room for `expert` elsewhere: a device without it passes something that `device` lacks on to the slot that is
 * open. */
static int pass_on(eplb_window_state_t *l, int expert, int slot) {
  for (int s = 0; s < l->num_slots; s++) {
    int other = l->expert[s];
    if (other == EPLB_EMPTY || other == expert || eplb_window_state_holds(l, l->device[s], expert) ||
        eplb_window_state_holds(l, l->device[slot], other))
      continue;
    eplb_window_state_set(l, slot, expert);
    eplb_window_state_swap(l, slot, s);
    return 1;
  }
  return 0;
}

/* The expert with the largest replica load that a device lacks. */
static int heaviest_lacking(const eplb_window_state_t *l, int device) {
  int heaviest = EPLB_EMPTY;
  for (int e = 0; e < l->num_experts; e++)
    if ((heaviest == EPLB_EMPTY || l->replica_load[e] > l->replica_load[heaviest]) &&
        !eplb_window_state_holds(l, device, e))
      heaviest = e;
  return heaviest;
}

/* Fills the empty slots: `wanted[e]` replicas of expert e have no slot yet; if no slot can take them, other experts get
 * it. */
static void fill_open(eplb_window_state_t *l, int32_t *wanted) {
  int next = 0;
  for (int s = 0; s < l->num_slots; s++) {
    if (l->expert[s] != EPLB_EMPTY)
      continue;
    while (next < l->num_experts && wanted[next] <= l->count[next])
      next++;
    int e = next < l->num_experts ? next : EPLB_EMPTY;
    if (e != EPLB_EMPTY && !eplb_window_state_holds(l, l->device[s], e))
      eplb_window_state_set(l, s, e);
    else if (e == EPLB_EMPTY || !pass_on(l, e, s)) {
      if (e != EPLB_EMPTY && l->count[e] > 0)
        wanted[e]--;
      e = heaviest_lacking(l, l->device[s]);
      if (e != EPLB_EMPTY)
        eplb_window_state_set(l, s, e);
    }
  }
}

void eplb_lpt_slots(eplb_window_state_t *l, eplb_lpt_scratch_t *scratch) {
  int open = 0, left = 0, placed = 0;
  double total = 0;
  clear(l, scratch);
  eplb_lpt_sort(l, scratch);
  for (int e = 0; e < l->num_experts; e++) {
    total += l->weight[e];
    placed += l->count[e];
  }
  for (int d = 0; d < l->num_devices; d++)
    if (room(l, d, scratch))
      eplb_heap_push(scratch->heap, open++, device_key(l, d, total / placed));
  for (int i = 0; i < l->num_experts; i++)
    left += place_expert(l, (int)eplb_key_index(scratch->keys[i]), total / placed, &open, scratch);

  for (int e = 0; e < l->num_experts; e++)
    scratch->wanted[e] = l->count[e];
  eplb_window_state_index(l);
  if (left || placed < l->num_slots)
    fill_open(l, scratch->wanted);
}
