#include "core/scenario.h"

/* The row of `rise` of each device whose slope has changed. */
static void freshen(eplb_scenario_t *s) {
  for (int d = 0; d < s->num_devices; d++) {
    float *rise = s->rise + (size_t)d * (size_t)s->num_experts;
    for (int e = 0; e < s->num_experts && s->stale[d]; e++)
      rise[e] = eplb_series_dot(&s->slope[d], &s->load[e], s->lanes);
    s->stale[d] = 0;
  }
  for (int e = 0; e < s->num_experts; e++)
    s->key[e] = 0;
  for (int slot = 0; slot < s->num_slots; slot++)
    if (s->expert[slot] != EPLB_EMPTY)
      s->key[s->expert[slot]] += s->rise[(size_t)s->device_of[slot] * (size_t)s->num_experts + (size_t)s->expert[slot]];
}

/* What changes when a slot of `device` gets `taker` instead of `giver`, which may be EPLB_EMPTY. */
static float change_of(const eplb_scenario_t *s, int device, int giver, int taker) {
  float was = 1 / (float)s->count[taker], now = 1 / ((float)s->count[taker] + 1), change = 0;
  float had = giver == EPLB_EMPTY ? 0 : 1 / (float)s->count[giver];
  float has = giver == EPLB_EMPTY ? 0 : 1 / ((float)s->count[giver] - 1);
  const eplb_series_t *given = giver == EPLB_EMPTY ? &s->piece[EPLB_EMPTY] : &s->load[giver];
  for (int d = 0; d < s->num_devices; d++) {
    int takes = eplb_scenario_holds(s, d, taker), gives = eplb_scenario_holds(s, d, giver);
    float x = d == device ? now : takes ? now - was : 0, y = d == device ? -had : gives ? has - had : 0;
    eplb_lanes_t sum = {0};
    if (d != device && !takes && !gives)
      continue;
    for (int i = 0; i < s->lanes; i++)
      sum += eplb_lanes_eighth_power(s->time[d].at[i] + (s->load[taker].at[i] * x + given->at[i] * y) * s->slowness[d]);
    change += eplb_lanes_sum(sum) - s->price[d];
  }
  return change;
}

/* The best expert for a slot, or EPLB_EMPTY to leave it as it is. Prices being convex, no change gains more than slopes say. */
static int best_taker(const eplb_scenario_t *s, int slot) {
  int device = s->device_of[slot], giver = s->expert[slot], best = EPLB_EMPTY;
  const float *rise = s->rise + (size_t)device * (size_t)s->num_experts;
  float least = -EPLB_SCENARIO_LEAST_GAIN, without = 0, refund = s->fee_price * eplb_scenario_fee(s, device, giver);
  if (giver != EPLB_EMPTY)
    without = (s->key[giver] - rise[giver]) / ((float)s->count[giver] - 1) - s->key[giver] / (float)s->count[giver];
  for (int e = 0; e < s->num_experts; e++) {
    float count = (float)s->count[e], fee = s->fee_price * eplb_scenario_fee(s, device, e) - refund;
    float at_least = without + fee + (rise[e] + s->key[e]) / (count + 1) - s->key[e] / count;
    if (at_least >= least || eplb_scenario_holds(s, device, e) ||
        s->moves + eplb_scenario_moves(s, slot, e) > s->max_moves)
      continue;
    float change = fee + change_of(s, device, giver, e);
    if (change < least) {
      least = change;
      best = e;
    }
  }
  return best;
}

int eplb_scenario_recount_pass(eplb_scenario_t *s, int pass) {
  int changes = 0;
  freshen(s);
  for (int slot = 0; slot < s->num_slots; slot++) {
    int giver = s->expert[slot];
    if (giver != EPLB_EMPTY && s->count[giver] < 2)
      continue;
    int taker = best_taker(s, slot);
    if (taker == EPLB_EMPTY)
      continue;
    eplb_scenario_set(s, slot, taker);
    for (int d = 0; d < s->num_devices; d++)
      if (s->stale[d])
        s->stamp[d] = pass;
    freshen(s);
    changes++;
  }
  return changes;
}
