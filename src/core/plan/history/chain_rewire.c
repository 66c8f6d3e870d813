/* Changes the chain where that pays: a slot of an expert with several replicas goes to another expert.
 *
 * Candidates are first estimated with all devices but the two or three named as they are; the best few are tried with
 * a few sweeps of flow and undone unless they gain more than their move costs. O(changes x (slots + tried x sweeps x
 * slots)). */
#include "core/plan/history/chain.h"
#include <string.h>

/* The list has as many candidates as there are devices, but at least LEAST_COMPARED and at most MOST_COMPARED; the best
 * TRIED are tried. */
enum { LEAST_COMPARED = 32, MOST_COMPARED = 128, TRIED = 4 };

/* Sweeps after a change that is tried. */
enum { GLANCE = 2 };

/* The most changes; each evaluates all slots. */
enum { CHANGES = 64 };

/* The least gain of a change, in mean device prices. */
static const float LEAST_GAIN = 1e-4f;

typedef struct candidate {
  int slot, from; /* the slot that gets another expert, and a replica of that expert */
  float change;   /* of all prices and move costs */
} candidate_t;

/* The best so far, the best first. */
typedef struct shortlist {
  int length, capacity;
  candidate_t candidate[MOST_COMPARED];
} shortlist_t;

static void start_list(shortlist_t *list, int capacity) {
  list->length = 0;
  list->capacity = capacity;
}

static int is_kept(const shortlist_t *list, float change) {
  return list->length < list->capacity || change < list->candidate[list->length - 1].change;
}

static void keep_best(shortlist_t *list, candidate_t candidate) {
  if (!is_kept(list, candidate.change))
    return;
  list->length += list->length < list->capacity;
  int i = list->length - 1;
  for (; i > 0 && list->candidate[i - 1].change > candidate.change; i--)
    list->candidate[i] = list->candidate[i - 1];
  list->candidate[i] = candidate;
}

/* ---- estimates: only the devices named change ---- */

/* By how much a device's price rises if the series is added to its load. */
static float dearer(const eplb_history_state_t *s, int device, const eplb_series_t *more, float factor) {
  eplb_simd4_t sum = {0};
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    sum += eplb_simd4_eighth_power(s->time[device].at[i] + more->at[i] * (factor * s->inverse_speed[device]));
  return eplb_simd4_sum(sum) - s->price[device];
}

/* No device should be left without a link. */
static int is_only_link(const eplb_chain_t *l, const eplb_history_state_t *s, int slot) {
  const int *begin = s->topology->slot_begin + s->device_of[slot];
  for (int other = begin[0]; other < begin[1]; other++)
    if (other != slot && l->next[other] != other)
      return 0;
  return 1;
}

/* Their change is what it costs to do without the slot, less the move cost that was due for it. */
static void find_givers(const eplb_chain_t *l, const eplb_history_state_t *s, shortlist_t *donors) {
  for (int slot = 0; slot < s->num_slots; slot++) {
    int e = s->expert[slot], other = l->next[slot], d = s->device_of[slot];
    if (e == EPLB_EMPTY)
      keep_best(donors, (candidate_t){slot, -1, 0});
    else if (s->count[e] > 2 || (s->count[e] == 2 && !is_only_link(l, s, other)))
      keep_best(donors, (candidate_t){slot, -1,
                                      dearer(s, d, &l->served_load[slot], -1) +
                                          dearer(s, s->device_of[other], &l->served_load[slot], 1) -
                                          s->threshold * eplb_history_state_move_cost(s, d, e)});
  }
}

/* The load that each replica of an expert would give to one more replica. */
static float given(const eplb_history_state_t *s, int expert) {
  return 1 / ((float)s->count[expert] + 1);
}

static void find_takers(const eplb_chain_t *l, const eplb_history_state_t *s, shortlist_t *receivers) {
  for (int from = 0; from < s->num_slots; from++) {
    int e = s->expert[from];
    if (e != EPLB_EMPTY && s->count[e] < s->usable_devices)
      keep_best(receivers, (candidate_t){-1, from, dearer(s, s->device_of[from], &l->served_load[from], -given(s, e))});
  }
}

/* The gain if a slot gets another expert; its load goes to another replica of its old expert. */
static float estimate(const eplb_chain_t *l, const eplb_history_state_t *s, int slot, int from) {
  int d = s->device_of[slot], h = s->device_of[from], o = s->device_of[l->next[slot]], x = s->expert[from];
  int two = o == d || o == h; /* devices, not three */
  float gives = given(s, x), gets = gives * (float)s->count[x];
  eplb_simd4_t sum = {0};
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++) {
    eplb_simd4_t had = l->served_load[slot].at[i], load = l->served_load[from].at[i], left = s->time[h].at[i];
    left += (o == h ? had - load * gives : -load * gives) * s->inverse_speed[h];
    sum += eplb_simd4_eighth_power(s->time[d].at[i] + (load * gets - had) * s->inverse_speed[d]);
    sum += eplb_simd4_eighth_power(left);
    if (!two)
      sum += eplb_simd4_eighth_power(s->time[o].at[i] + had * s->inverse_speed[o]);
  }
  return eplb_simd4_sum(sum) - s->price[d] - s->price[h] - (two ? 0 : s->price[o]);
}

/* ---- trials ---- */

static float price_of_times(const eplb_history_state_t *s) {
  eplb_simd4_t sum = {0};
  for (int d = 0; d < s->num_devices; d++)
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
      sum += eplb_simd4_eighth_power(s->time[d].at[i]);
  return eplb_simd4_sum(sum);
}

static float move_cost_of_slot(const eplb_history_state_t *s, int slot, int expert) {
  int d = s->device_of[slot];
  return s->threshold *
         (eplb_history_state_move_cost(s, d, expert) - eplb_history_state_move_cost(s, d, s->expert[slot]));
}

/* Gives the slot the expert of slot `from`. Returns the replica that was before it in the circle of its old expert, or
 * itself. */
static int relink(eplb_chain_t *l, eplb_history_state_t *s, int slot, int from) {
  eplb_chain_withdraw(l, s, slot);
  eplb_chain_withdraw(l, s, from);
  int other = eplb_chain_leave(l, slot);
  eplb_chain_join(l, from, slot);
  eplb_history_state_set(s, slot, s->expert[from]);
  eplb_chain_divide(l, s, slot);
  if (other != slot)
    eplb_chain_divide(l, s, other);
  return other;
}

static void save(eplb_chain_t *l, const eplb_history_state_t *s) {
  memcpy(l->saved_served_load, l->served_load, (size_t)s->num_slots * sizeof *l->served_load);
  memcpy(l->saved_shift, s->shift, (size_t)s->num_devices * sizeof *s->shift);
  memcpy(l->saved_time, s->time, (size_t)s->num_devices * sizeof *s->time);
}

/* Undoes a trial: `slot` gets `expert` and its place after `other` back. */
static void restore(eplb_chain_t *l, eplb_history_state_t *s, int slot, int other, int expert) {
  eplb_chain_leave(l, slot);
  if (other != slot)
    eplb_chain_join(l, other, slot);
  memcpy(s->shift, l->saved_shift, (size_t)s->num_devices * sizeof *s->shift);
  eplb_history_state_set(s, slot, expert);
  memcpy(l->served_load, l->saved_served_load, (size_t)s->num_slots * sizeof *l->served_load);
  memcpy(s->time, l->saved_time, (size_t)s->num_devices * sizeof *s->time);
}

/* The sum of all prices after a change and some sweeps of flow; *variance becomes the variance of their fall. */
static float try_slot(eplb_chain_t *l, eplb_history_state_t *s, int slot, int from, float *variance) {
  int expert = s->expert[slot], other = relink(l, s, slot, from);
  eplb_chain_flow(l, s, GLANCE);
  float price = price_of_times(s);
  *variance = eplb_history_variance_of_times(s, l->saved_time);
  restore(l, s, slot, other, expert);
  return price;
}

static int num_compared(const eplb_history_state_t *s) {
  int n = s->num_devices < MOST_COMPARED ? s->num_devices : MOST_COMPARED;
  return n > LEAST_COMPARED ? n : LEAST_COMPARED;
}

static void find_pairs(const eplb_chain_t *l, const eplb_history_state_t *s, shortlist_t *pairs) {
  shortlist_t donors, receivers;
  start_list(&donors, num_compared(s));
  start_list(&receivers, num_compared(s));
  find_givers(l, s, &donors);
  find_takers(l, s, &receivers);
  for (int g = 0; g < donors.length; g++)
    for (int t = 0; t < receivers.length; t++) {
      int slot = donors.candidate[g].slot, from = receivers.candidate[t].from, x = s->expert[from];
      if (!is_kept(pairs, donors.candidate[g].change + receivers.candidate[t].change))
        break; /* the slot's device gets dearer, too, and takers that follow gain less */
      if (!eplb_history_state_holds(s, s->device_of[slot], x) &&
          s->moves + eplb_history_state_moves(s, slot, x) <= s->max_moves)
        keep_best(pairs, (candidate_t){slot, from, estimate(l, s, slot, from) + move_cost_of_slot(s, slot, x)});
    }
}

static int relink_best(eplb_chain_t *l, eplb_history_state_t *s) {
  shortlist_t pairs;
  start_list(&pairs, TRIED);
  find_pairs(l, s, &pairs);
  candidate_t best = {-1, -1, -LEAST_GAIN};
  float before = price_of_times(s);
  save(l, s);
  for (int i = 0; i < pairs.length; i++) {
    candidate_t *o = &pairs.candidate[i];
    float move_cost = move_cost_of_slot(s, o->slot, s->expert[o->from]);
    float variance, gain = before - try_slot(l, s, o->slot, o->from, &variance);
    o->change = move_cost - gain;
    if (o->change < best.change && eplb_history_gain_is_significant(s, gain, variance))
      best = *o;
  }
  if (best.slot < 0)
    return 0;
  relink(l, s, best.slot, best.from);
  eplb_history_layer_is_out_of_balance(s);
  eplb_chain_level(l, s, EPLB_CHAIN_TRIAL_SWEEPS);
  return 1;
}

int eplb_chain_rewire(eplb_chain_t *l, eplb_history_state_t *s) {
  int changes = 0;
  while (changes < CHANGES && relink_best(l, s))
    changes++;
  return changes;
}
