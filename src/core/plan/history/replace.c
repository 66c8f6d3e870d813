/* Replace passes: a slot whose expert has another replica gets the expert that gains most there.
 *
 * This is the only pass that changes counts, without which a placement cannot follow a jump of the traffic. For each
 * such slot every expert is estimated by slopes and bends, four at a time, and computed exactly where it promises more
 * than the best so far. O(slots x experts) for a pass. */
#include "core/plan/history/history_state.h"

/* The row of `rise` of each device whose slope has changed; in `key` how all prices rise with an expert's load; and
 * what one replica more changes, by slopes: more * rise where it is, and drop elsewhere. */
static void freshen(eplb_history_state_t *s) {
  for (int d = 0; d < s->num_devices; d++) {
    float *rise = s->rise + (size_t)d * (size_t)s->num_experts;
    for (int e = 0; e < s->num_experts && s->stale[d]; e++)
      rise[e] = eplb_series_dot(&s->slope[d], &s->load[e]);
    s->stale[d] = 0;
  }
  for (int e = 0; e < s->num_experts; e++)
    s->key[e] = 0;
  for (int slot = 0; slot < s->num_slots; slot++)
    if (s->expert[slot] != EPLB_EMPTY)
      s->key[s->expert[slot]] += s->rise[(size_t)s->device_of[slot] * (size_t)s->num_experts + (size_t)s->expert[slot]];
  for (int e = 0; e < s->num_experts; e++) {
    s->more[e] = 1 / ((float)s->count[e] + 1);
    s->new_replica_load[e] = s->mean[e] * s->more[e];
    s->drop[e] = s->key[e] * (s->more[e] - 1 / (float)s->count[e]);
  }
}

/* What changes when a slot of `device` gets `receiver` instead of `donor`, which may be EPLB_EMPTY. */
static float change_of(const eplb_history_state_t *s, int device, int donor, int receiver) {
  float was = 1 / (float)s->count[receiver], now = 1 / ((float)s->count[receiver] + 1), change = 0;
  float had = donor == EPLB_EMPTY ? 0 : 1 / (float)s->count[donor];
  float has = donor == EPLB_EMPTY ? 0 : 1 / ((float)s->count[donor] - 1);
  const eplb_series_t *given = donor == EPLB_EMPTY ? &s->replica_load[EPLB_EMPTY] : &s->load[donor];
  for (int d = eplb_history_state_next_holder(s, receiver, donor, device, 0); d < s->num_devices;
       d = eplb_history_state_next_holder(s, receiver, donor, device, d + 1)) {
    int takes = eplb_history_state_holds(s, d, receiver), gives = eplb_history_state_holds(s, d, donor);
    float x = d == device ? now : takes ? now - was : 0, y = d == device ? -had : gives ? has - had : 0;
    eplb_simd4_t sum = {0};
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
      sum += eplb_simd4_eighth_power(s->time[d].at[i] +
                                     (s->load[receiver].at[i] * x + given->at[i] * y) * s->inverse_speed[d]);
    change += eplb_simd4_sum(sum) - s->price[d];
  }
  return change;
}

typedef struct receiver {
  int expert;   /* EPLB_EMPTY: no change of the slot gains */
  float change; /* of prices, and of move costs at their lowest */
  float candidate_threshold;
} candidate_t;

static void try_replacement(eplb_history_state_t *s, int slot, int e, candidate_t *best) {
  int device = s->device_of[slot], donor = s->expert[slot];
  if (eplb_history_state_holds(s, device, e) || s->moves + eplb_history_state_moves(s, slot, e) > s->max_moves)
    return;
  float move_cost = eplb_history_state_move_cost(s, device, e) - eplb_history_state_move_cost(s, device, donor);
  float gain = -change_of(s, device, donor, e), change = s->final_threshold * move_cost - gain;
  if (gain > EPLB_HISTORY_LEAST_GAIN && change < best->change && eplb_history_replace_is_significant(s, slot, e, gain))
    *best = (candidate_t){e, change, move_cost > 0 ? gain / move_cost : FLT_MAX};
}

/* The best expert for a slot, among those for which slopes, and the bend of the slot's own device, promise enough. */
static candidate_t best_taker(eplb_history_state_t *s, int slot) {
  int device = s->device_of[slot], donor = s->expert[slot];
  const float *rise = s->rise + (size_t)device * (size_t)s->num_experts;
  const float *move_cost = s->move_cost + (size_t)device * (size_t)s->num_experts;
  candidate_t best = {EPLB_EMPTY, -EPLB_HISTORY_LEAST_GAIN, -1};
  float without = -s->final_threshold * eplb_history_state_move_cost(s, device, donor),
        bend = EPLB_HISTORY_BEND * s->bend[device];
  if (donor != EPLB_EMPTY)
    without += (s->key[donor] - rise[donor]) / ((float)s->count[donor] - 1) - s->key[donor] / (float)s->count[donor];
  for (int e = 0; e < s->num_experts; e += 4) {
    eplb_simd4_t differ = eplb_simd4_load(s->new_replica_load + e) - s->replica_load_mean[donor];
    eplb_simd4_t estimate = eplb_simd4_load(rise + e) * eplb_simd4_load(s->more + e) + eplb_simd4_load(s->drop + e) +
                            (eplb_simd4_load(move_cost + e) * s->final_threshold + without) + differ * differ * bend;
    if (!eplb_simd4_mask_any(estimate < eplb_simd4_all(best.change)))
      continue;
    for (int i = 0; i < 4 && e + i < s->num_experts; i++)
      if (estimate[i] < best.change)
        try_replacement(s, slot, e + i, &best);
  }
  return best;
}

int eplb_history_replace_pass(eplb_history_state_t *s) {
  int changes = 0;
  freshen(s);
  for (int slot = 0; slot < s->num_slots; slot++) {
    int donor = s->expert[slot];
    if (donor != EPLB_EMPTY && s->count[donor] < 2)
      continue;
    if (s->changed[s->device_of[slot]] <= s->slot_seen[slot] && s->slot_candidate_threshold[slot] < s->threshold)
      continue;
    candidate_t best = best_taker(s, slot);
    s->slot_seen[slot] = s->clock;
    s->slot_candidate_threshold[slot] = best.candidate_threshold;
    if (best.expert == EPLB_EMPTY || best.candidate_threshold < s->threshold)
      continue;
    eplb_history_state_set(s, slot, best.expert);
    eplb_history_layer_is_out_of_balance(s);
    freshen(s);
    changes++;
  }
  return changes;
}
