/* Swap passes: between each two devices the best swap, if it gains enough for its moves.
 *
 * Pairs are evaluated again if one of the devices has changed, or if the threshold has fallen to the gain of their best
 * swap. Candidates are estimated by slopes and bends, four at a time; only those that promise more than the best so far
 * are computed exactly. O(devices^2 x slots per device^2) for a full pass. */
#include "core/plan/history/history_state.h"
#include <math.h>

typedef struct swap {
  int a, b;     /* slots; -1: none */
  float change; /* of prices, and of move costs at their lowest */
  float candidate_threshold;
} swap_t;

/* Lists the slots of a device that may be swapped with another device; sign * tilt: how prices rise with what the other
 * device gets. */
static void gather(eplb_history_state_t *s, eplb_side_t *side, int from, int to, const eplb_series_t *tilt,
                   float sign) {
  const int *begin = s->topology->slot_begin + from;
  int n = 0;
  for (int slot = begin[0]; slot < begin[1]; slot++) {
    int e = s->expert[slot];
    if (s->fixed[slot] || eplb_history_state_holds(s, to, e))
      continue;
    side->slot[n] = slot;
    side->mean[n] = s->replica_load_mean[e];
    side->rise[n] = sign * eplb_series_dot(tilt, &s->replica_load[e]);
    if (s->final_threshold > 0)
      side->rise[n] +=
          s->final_threshold * (eplb_history_state_move_cost(s, to, e) - eplb_history_state_move_cost(s, from, e));
    n++;
  }
  side->count = n;
  for (; n % 4; n++) {
    side->rise[n] = INFINITY;
    side->mean[n] = 0;
  }
}

/* Of four windows, the eighth powers of both devices' times after `more` has gone from q to p. */
static inline eplb_simd4_t powers(const eplb_history_state_t *s, int p, int q, eplb_simd4_t more, int i) {
  return eplb_simd4_eighth_power(s->time[p].at[i] + more * s->inverse_speed[p]) +
         eplb_simd4_eighth_power(s->time[q].at[i] - more * s->inverse_speed[q]);
}

static float gain_of(const eplb_history_state_t *s, int a, int b) {
  int p = s->device_of[a], q = s->device_of[b];
  const eplb_simd4_t *gets = s->replica_load[s->expert[b]].at, *gives = s->replica_load[s->expert[a]].at;
  eplb_simd4_t newer = powers(s, p, q, gets[0] - gives[0], 0) + powers(s, p, q, gets[1] - gives[1], 1);
  eplb_simd4_t older = powers(s, p, q, gets[2] - gives[2], 2) + powers(s, p, q, gets[3] - gives[3], 3);
  return s->price[p] + s->price[q] - eplb_simd4_sum(newer + older);
}

static float move_cost_of(const eplb_history_state_t *s, int a, int b) {
  int e = s->expert[a], f = s->expert[b], p = s->device_of[a], q = s->device_of[b];
  return eplb_history_state_move_cost(s, p, f) + eplb_history_state_move_cost(s, q, e) -
         eplb_history_state_move_cost(s, p, e) - eplb_history_state_move_cost(s, q, f);
}

static int affordable(const eplb_history_state_t *s, int a, int b) {
  return s->moves + 2 <= s->max_moves ||
         s->moves + eplb_history_state_moves(s, a, s->expert[b]) + eplb_history_state_moves(s, b, s->expert[a]) <=
             s->max_moves;
}

static void try_slot_swap(eplb_history_state_t *s, int a, int b, swap_t *best) {
  float gain = gain_of(s, a, b), move_cost = s->final_threshold > 0 ? move_cost_of(s, a, b) : 0;
  float change = s->final_threshold * move_cost - gain;
  if (gain > EPLB_HISTORY_LEAST_GAIN && change < best->change && affordable(s, a, b) &&
      eplb_history_swap_is_significant(s, a, b, gain))
    *best = (swap_t){a, b, change, move_cost > 0 ? gain / move_cost : FLT_MAX};
}

/* The best of those swaps that promise more than the best so far, by slopes and bends. */
static swap_t best_swap(eplb_history_state_t *s, const eplb_side_t *from_p, const eplb_side_t *from_q, float bend) {
  swap_t best = {-1, -1, -EPLB_HISTORY_LEAST_GAIN, -1};
  for (int a = 0; a < from_p->count; a++)
    for (int b = 0; b < from_q->count; b += 4) {
      eplb_simd4_t differ = eplb_simd4_load(from_q->mean + b) - from_p->mean[a];
      eplb_simd4_t estimate = eplb_simd4_load(from_q->rise + b) + from_p->rise[a] + differ * differ * bend;
      if (!eplb_simd4_mask_any(estimate < eplb_simd4_all(best.change)))
        continue;
      for (int i = 0; i < 4; i++)
        if (estimate[i] < best.change)
          try_slot_swap(s, from_p->slot[a], from_q->slot[b + i], &best);
    }
  return best;
}

static swap_t look_at(eplb_history_state_t *s, int p, int q) {
  eplb_series_t tilt; /* how prices rise when p gets from q */
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    tilt.at[i] = s->slope[p].at[i] - s->slope[q].at[i];
  gather(s, &s->side[0], p, q, &tilt, -1);
  gather(s, &s->side[1], q, p, &tilt, 1);
  return best_swap(s, &s->side[0], &s->side[1], EPLB_HISTORY_BEND * (s->bend[p] + s->bend[q]));
}

int eplb_history_swap_pass(eplb_history_state_t *s) {
  int swaps = 0;
  for (int p = 0; p < s->num_devices; p++)
    for (int q = p + 1; q < s->num_devices && q <= p + s->reach; q++) {
      size_t pair = (size_t)p * (size_t)s->reach + (size_t)(q - p - 1);
      int fresh = s->changed[p] <= s->seen[pair] && s->changed[q] <= s->seen[pair];
      if (fresh && s->candidate_threshold[pair] < s->threshold)
        continue;
      swap_t best = look_at(s, p, q);
      s->seen[pair] = s->clock;
      s->candidate_threshold[pair] = best.candidate_threshold;
      if (best.a < 0 || best.candidate_threshold < s->threshold)
        continue;
      eplb_history_state_swap(s, best.a, best.b);
      eplb_history_layer_is_out_of_balance(s);
      swaps++;
    }
  return swaps;
}
