/* Devices of two slots each.
 *
 * For given counts the best placement is known: the largest replica load goes with the smallest, the second largest
 * with the second smallest, and so on (an exchange argument). So only counts are searched: one expert gives up a
 * replica, another gets one, and what does not raise the heaviest pair is kept.
 * Cost of a try: O(log slots) to find the places in the sorted list, O(slots) to move what lies between.
 * Why this and not the general search: swaps reach such pairings only one pair of devices at a time. */
#include "core/plan/window/two_slots.h"
#include "core/util/heap.h"
#include "core/util/random.h"
#include <string.h>

int eplb_two_slots_apply(const eplb_window_state_t *l) {
  return l->num_devices > 1 && l->slot_begin[1] == 2 && eplb_window_state_even(l);
}

/* The first place of a replica load that is not above `replica load`, in a list that descends. */
static int find_position(const eplb_pair_item_t *item, int size, float replica_load) {
  int low = 0, high = size;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (item[middle].replica_load > replica_load)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Takes all `count` replicas of an expert off the list, from where their replica load begins. */
static int take_off(eplb_pair_item_t *item, int size, float replica_load, int expert, int count) {
  int to = find_position(item, size, replica_load), from = to;
  for (int left = count; left > 0; from++)
    if (item[from].expert == expert)
      left--;
    else
      item[to++] = item[from];
  memmove(item + to, item + from, (size_t)(size - from) * sizeof *item);
  return size - count;
}

static int put_in(eplb_pair_item_t *item, int size, float replica_load, int expert, int count) {
  int at = find_position(item, size, replica_load);
  memmove(item + at + count, item + at, (size_t)(size - at) * sizeof *item);
  for (int k = 0; k < count; k++)
    item[at + k] = (eplb_pair_item_t){replica_load, expert};
  return size + count;
}

/* The heaviest pair, and in *at its heavier half; the first pair above `limit` is answer enough. */
static float heaviest_pair(const eplb_pair_item_t *item, int size, float limit, int *at) {
  float heaviest = 0;
  for (int k = 0; k < size / 2 && heaviest <= limit; k++)
    if (item[k].replica_load + item[size - 1 - k].replica_load > heaviest) {
      heaviest = item[k].replica_load + item[size - 1 - k].replica_load;
      *at = k;
    }
  return heaviest;
}

static float share_of(const eplb_window_state_t *l, int expert, int count) {
  return (float)(l->weight[expert] / count);
}

static int list_items(const eplb_window_state_t *l, eplb_lpt_scratch_t *lpt, eplb_pair_item_t *item) {
  int size = 0;
  eplb_lpt_sort(l, lpt);
  for (int i = 0; i < l->num_experts; i++) {
    int e = (int)eplb_key_index(lpt->keys[i]);
    for (int k = 0; k < l->count[e]; k++)
      item[size++] = (eplb_pair_item_t){share_of(l, e, l->count[e]), e};
  }
  return size;
}

static int recount_pair_items(const eplb_window_state_t *l, eplb_pair_item_t *item, int size, int expert, int change) {
  int old = l->count[expert], count = old + change;
  size = take_off(item, size, share_of(l, expert, old), expert, old);
  return put_in(item, size, share_of(l, expert, count), expert, count);
}

/* A lower bound of the donor's new time: its larger replica load with the smallest possible partner. */
static float lightest_with(const eplb_window_state_t *l, float smallest, int giver, int taker) {
  float taken = share_of(l, taker, l->count[taker] + 1);
  return share_of(l, giver, l->count[giver] - 1) + (taken < smallest ? taken : smallest);
}

double eplb_two_slots_search(eplb_window_state_t *l, double target, int tries, eplb_lpt_scratch_t *lpt,
                             eplb_two_slots_scratch_t *scratch) {
  uint64_t seed = 1;
  int size = list_items(l, lpt, scratch->item), at = 0;
  float heaviest = heaviest_pair(scratch->item, size, INFINITY, &at);
  for (; tries > 0 && heaviest > (float)target; tries--) {
    /* who gets: half of the time one of the pairs down to the heaviest, whose replica loads all matter to it */
    uint64_t pick = eplb_random(&seed) % (uint64_t)(eplb_random(&seed) % 2 ? size : at + 1);
    int taker = scratch->item[pick].expert, giver = scratch->item[eplb_random(&seed) % (uint64_t)size].expert;
    if (giver == taker || l->count[giver] < 2 || l->count[taker] >= l->num_devices)
      continue;
    if (lightest_with(l, scratch->item[size - 1].replica_load, giver, taker) > heaviest)
      continue;
    memcpy(scratch->trial, scratch->item, (size_t)size * sizeof *scratch->item);
    int changed = recount_pair_items(l, scratch->trial, size, giver, -1), place = at;
    changed = recount_pair_items(l, scratch->trial, changed, taker, 1);
    float worst = heaviest_pair(scratch->trial, changed, heaviest, &place);
    if (worst > heaviest)
      continue;
    l->count[giver]--;
    l->count[taker]++;
    heaviest = worst;
    at = place;
    eplb_pair_item_t *kept = scratch->trial;
    scratch->trial = scratch->item;
    scratch->item = kept;
  }
  return heaviest;
}
