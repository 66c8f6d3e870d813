#include "core/scenario.h"

static float price_with(const eplb_scenario_t *s, int device, const eplb_series_t *gets, const eplb_series_t *gives) {
  eplb_lanes_t sum = {0};
  for (int i = 0; i < s->lanes; i++)
    sum += eplb_lanes_eighth_power(s->time[device].at[i] + (gets->at[i] - gives->at[i]) * s->slowness[device]);
  return eplb_lanes_sum(sum);
}

typedef struct swap {
  int a, b;
  float change; /* of all prices and fees */
} swap_t;

static int allowed(const eplb_scenario_t *s, int a, int b) {
  int e = s->expert[a], f = s->expert[b];
  return e != f && !eplb_scenario_holds(s, s->device_of[a], f) && !eplb_scenario_holds(s, s->device_of[b], e) &&
         (s->moves + 2 <= s->max_moves ||
          s->moves + eplb_scenario_moves(s, a, f) + eplb_scenario_moves(s, b, e) <= s->max_moves);
}

static void offer(const eplb_scenario_t *s, int a, int b, float guess, swap_t *best) {
  int e = s->expert[a], f = s->expert[b], p = s->device_of[a], q = s->device_of[b];
  float fees = 0;
  if (s->fee_price > 0)
    fees = s->fee_price * (eplb_scenario_fee(s, p, f) + eplb_scenario_fee(s, q, e) - eplb_scenario_fee(s, p, e) -
                           eplb_scenario_fee(s, q, f));
  if (guess + fees >= best->change || !allowed(s, a, b))
    return;
  float change = fees - s->price[p] - s->price[q] + price_with(s, p, &s->piece[f], &s->piece[e]);
  if (change < best->change)
    change += price_with(s, q, &s->piece[e], &s->piece[f]);
  if (change < best->change)
    *best = (swap_t){a, b, change};
}

/* Offers slot a each slot of the other device for which the guess is good. */
static void offer_all(const eplb_scenario_t *s, int a, const int *begin, float rise, float bend, swap_t *best) {
  float mean = s->piece_mean[s->expert[a]];
  for (int b = begin[0]; b < begin[1]; b += 4) {
    eplb_lanes_t differ = eplb_lanes_load(s->slot_mean + b) - mean;
    eplb_lanes_t guess = eplb_lanes_load(s->slot_rise + b) - rise + differ * differ * bend;
    if (!eplb_mask_any(guess < eplb_lanes_all(best->change)))
      continue;
    for (int i = 0; i < 4 && b + i < begin[1]; i++)
      if (guess[i] < best->change && !s->fixed[b + i])
        offer(s, a, b + i, guess[i], best);
  }
}

static swap_t best_swap(eplb_scenario_t *s, int p, int q) {
  const int *begin = s->topology->slot_begin;
  swap_t best = {-1, -1, -EPLB_SCENARIO_LEAST_GAIN};
  eplb_series_t tilt; /* how prices rise when p gets from q */
  for (int i = 0; i < s->lanes; i++)
    tilt.at[i] = s->slope[p].at[i] - s->slope[q].at[i];
  for (int b = begin[q]; b < begin[q + 1]; b++) {
    s->slot_rise[b] = eplb_series_dot(&tilt, &s->piece[s->expert[b]], s->lanes);
    s->slot_mean[b] = s->piece_mean[s->expert[b]];
  }
  for (int a = begin[p]; a < begin[p + 1]; a++)
    if (!s->fixed[a])
      offer_all(s, a, begin + q, eplb_series_dot(&tilt, &s->piece[s->expert[a]], s->lanes),
                EPLB_SCENARIO_BEND * (s->bend[p] + s->bend[q]), &best);
  return best;
}

/* Each device is tried with so many that follow it: with all of them, thousands of devices would take minutes. */
enum { REACH = 256 };

int eplb_scenario_swap_pass(eplb_scenario_t *s, int pass) {
  int swaps = 0;
  for (int p = 0; p < s->num_devices; p++)
    for (int q = p + 1; q < s->num_devices && q <= p + REACH; q++) {
      if (s->stamp[p] < pass - 1 && s->stamp[q] < pass - 1)
        continue;
      swap_t best = best_swap(s, p, q);
      if (best.a < 0)
        continue;
      eplb_scenario_swap(s, best.a, best.b);
      s->stamp[p] = s->stamp[q] = pass;
      swaps++;
    }
  return swaps;
}
