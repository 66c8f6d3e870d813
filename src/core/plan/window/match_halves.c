/* Matches halves of devices anew.
 *
 * Each device's slots are cut at random into two halves; all halves are sorted, and the heaviest is joined with the
 * lightest, the second heaviest with the second lightest, and so on. No other matching of these halves has a smaller
 * largest time, so a round never makes a placement worse before replicas that came together are separated.
 * Why: a local search changes two devices at a time and ends where all pairs of devices are even; this changes all at
 * once. O(slots + devices log devices) a round. */
#include "core/plan/window/match_halves.h"
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/heap.h"
#include "core/util/random.h"
#include <string.h>

int eplb_match_halves_applies(const eplb_window_state_t *l) {
  return l->num_devices > 1 && l->slot_begin[1] > 3 && eplb_window_state_even(l);
}

/* Brings `half` of a device's `slots` experts to its front, each choice as likely as any other. */
static void cut_halves(int32_t *expert, int half, int slots, uint64_t *seed) {
  for (int i = 0; i < half; i++) {
    int other = i + (int)(eplb_random(seed) % (uint64_t)(slots - i));
    int32_t chosen = expert[other];
    expert[other] = expert[i];
    expert[i] = chosen;
  }
}

static float sum_of(const eplb_window_state_t *l, const int32_t *expert, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++)
    sum += l->replica_load[expert[i]];
  return (float)sum;
}

/* A device gets two halves, which begin at `a` and `b` of the scratch. */
static void join_halves(eplb_window_state_t *l, int device, const eplb_match_halves_scratch_t *s, int a, int b,
                        int half) {
  int slots = l->slot_begin[1];
  int32_t *to = l->expert + device * slots;
  memcpy(to, s->expert + a, (size_t)half * sizeof *to);
  memcpy(to + half, s->expert + b, (size_t)(slots - half) * sizeof *to);
}

/* All halves have as many slots: any goes with any. */
static void match_alike(eplb_window_state_t *l, const eplb_match_halves_scratch_t *s, int half) {
  int halves = 2 * l->num_devices;
  for (int i = 0; i < halves; i++)
    s->keys[i] = eplb_key_heavy(sum_of(l, s->expert + i * half, half), (uint32_t)i);
  eplb_sort_keys(s->keys, s->spare, halves);
  for (int d = 0; d < l->num_devices; d++)
    join_halves(l, d, s, (int)eplb_key_index(s->keys[d]) * half, (int)eplb_key_index(s->keys[halves - 1 - d]) * half,
                half);
}

/* The second half has one slot more: any first goes with any second. */
static void match_unlike(eplb_window_state_t *l, const eplb_match_halves_scratch_t *s, int half) {
  int devices = l->num_devices, slots = l->slot_begin[1];
  uint64_t *first = s->keys, *second = s->keys + devices;
  for (int d = 0; d < devices; d++) {
    const int32_t *expert = s->expert + d * slots;
    first[d] = eplb_key_heavy(sum_of(l, expert, half), (uint32_t)d);
    second[d] = eplb_key_light(sum_of(l, expert + half, slots - half), (uint32_t)d);
  }
  eplb_sort_keys(first, s->spare, devices);
  eplb_sort_keys(second, s->spare, devices);
  for (int d = 0; d < devices; d++)
    join_halves(l, d, s, (int)eplb_key_index(first[d]) * slots, (int)eplb_key_index(second[d]) * slots + half, half);
}

void eplb_match_halves(eplb_window_state_t *l, uint64_t *seed, const eplb_match_halves_scratch_t *scratch) {
  int slots = l->slot_begin[1], half = slots / 2;
  memcpy(scratch->expert, l->expert, (size_t)l->num_slots * sizeof *l->expert);
  for (int d = 0; d < l->num_devices; d++)
    cut_halves(scratch->expert + d * slots, half, slots, seed);
  if (slots == 2 * half)
    match_alike(l, scratch, half);
  else
    match_unlike(l, scratch, half);
  eplb_window_state_index(l);
  eplb_window_state_separate_colocated(l);
}
