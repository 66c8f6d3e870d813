#include "core/scenario.h"

/* How prices bend, for guesses of what a swap changes: the second derivative of x^8, halved, at 1. True gains are at most a little
 * larger than guessed; measured: plans as good as with no guesses, a seventh of the swaps looked at. */
static const float BEND = 28;

/* How two devices' prices together change with what one gives to the other. */
typedef struct tilt {
  eplb_series_t rise, bend;
  float per_bend;
} tilt_t;

static void find_tilt(const eplb_scenario_t *s, int p, int q, tilt_t *t) {
  float p2 = s->slowness[p] * s->slowness[p], q2 = s->slowness[q] * s->slowness[q];
  eplb_lanes_t sum = {0};
  for (int i = 0; i < s->lanes; i++) {
    eplb_lanes_t a = s->time[p].at[i] * s->time[p].at[i], b = s->time[q].at[i] * s->time[q].at[i];
    t->rise.at[i] = s->slope[p].at[i] - s->slope[q].at[i];
    t->bend.at[i] = a * a * a * p2 + b * b * b * q2;
    sum += t->bend.at[i];
  }
  float all = eplb_lanes_sum(sum);
  t->per_bend = all > 0 ? BEND / all : 0;
}

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
         s->moves + eplb_scenario_moves(s, a, f) + eplb_scenario_moves(s, b, e) <= s->max_moves;
}

static void offer(const eplb_scenario_t *s, int a, int b, float guess, swap_t *best) {
  int e = s->expert[a], f = s->expert[b], p = s->device_of[a], q = s->device_of[b];
  float fees = s->fee_price * (eplb_scenario_fee(s, p, f) + eplb_scenario_fee(s, q, e) - eplb_scenario_fee(s, p, e) -
                               eplb_scenario_fee(s, q, f));
  if (guess + fees >= best->change || !allowed(s, a, b))
    return;
  float change = fees - s->price[p] - s->price[q] + price_with(s, p, &s->piece[f], &s->piece[e]);
  if (change < best->change)
    change += price_with(s, q, &s->piece[e], &s->piece[f]);
  if (change < best->change)
    *best = (swap_t){a, b, change};
}

static swap_t best_swap(eplb_scenario_t *s, int p, int q) {
  const int *begin = s->topology->slot_begin;
  swap_t best = {-1, -1, -EPLB_SCENARIO_LEAST_GAIN};
  tilt_t t;
  find_tilt(s, p, q, &t);
  for (int b = begin[q]; b < begin[q + 1]; b++) {
    s->slot_rise[b] = eplb_series_dot(&t.rise, &s->piece[s->expert[b]], s->lanes);
    s->slot_bend[b] = eplb_series_dot(&t.bend, &s->piece[s->expert[b]], s->lanes);
  }
  for (int a = begin[p]; a < begin[p + 1]; a++) {
    if (s->fixed[a])
      continue;
    float rise = eplb_series_dot(&t.rise, &s->piece[s->expert[a]], s->lanes);
    float bend = eplb_series_dot(&t.bend, &s->piece[s->expert[a]], s->lanes);
    for (int b = begin[q]; b < begin[q + 1]; b++) {
      float more = s->slot_bend[b] - bend, guess = s->slot_rise[b] - rise + more * more * t.per_bend;
      if (guess < best.change && !s->fixed[b])
        offer(s, a, b, guess, &best);
    }
  }
  return best;
}

int eplb_scenario_swap_pass(eplb_scenario_t *s, int pass) {
  int swaps = 0;
  for (int p = 0; p < s->num_devices; p++)
    for (int q = p + 1; q < s->num_devices; q++) {
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
