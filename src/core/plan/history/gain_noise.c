/* Whether gains under several windows are more than chance; the test is described in ../common/count_noise.c.
 *
 * The gain of a change is the fall of the prices of the devices that it touches. Its derivative by a load that stays on
 * a device is the fall of that device's slope; by a load that moves, the slope where it was less the slope where it
 * goes. Variances of loads times squares of these, added up over windows, are the variance of the gain. That devices
 * share experts is left out, and so is the factor by which windows are stretched about their mean. */
#include "core/plan/common/count_noise.h"
#include "core/plan/history/history_state.h"
#include <math.h>
#include <string.h>

/* ---- variances ---- */

static float *noise_value(eplb_series_t *series, int window) {
  return (float *)series + window;
}

/* The window of a layer with so much load in all. Returns 0 where it is not of counts. */
static int add_window(eplb_history_state_t *s, int k, const double *load, double total, double tokens_per_load) {
  double token = eplb_noise_token(tokens_per_load, s->num_experts, load), scale = s->num_devices / total;
  for (int e = 0; e < s->num_experts; e++)
    *noise_value(&s->noise[e], k) =
        (float)eplb_noise_variance(scale * load[e], scale * token) * *noise_value(&s->quarter, k);
  return token > 0;
}

void eplb_history_state_set_noise(eplb_history_state_t *s, double tokens_per_load, const eplb_windows_t *windows,
                                  size_t offset) {
  int used = 0, are_counts = 1;
  memset(s->noise, 0, (size_t)s->num_experts * sizeof *s->noise);
  memset(s->device_noise_seen, 0, (size_t)s->num_devices * sizeof *s->device_noise_seen);
  for (int k = 0; k < windows->num_windows; k++) {
    const double *load = windows->load[k] + offset;
    double total = 0;
    for (int e = 0; e < s->num_experts; e++)
      total += load[e];
    if (total > 0)
      are_counts &= add_window(s, used++, load, total, tokens_per_load);
  }
  s->gain_quantile = are_counts ? (float)eplb_noise_quantile(s->usable_devices) : 0;
}

/* The variance of a device's load, computed again if the device has changed. */
static const eplb_series_t *device_noise(eplb_history_state_t *s, int device) {
  const int *begin = s->topology->slot_begin + device;
  eplb_series_t *noise = &s->device_noise[device];
  if (s->device_noise_seen[device] >= s->changed[device])
    return noise;
  s->device_noise_seen[device] = s->changed[device];
  memset(noise, 0, sizeof *noise);
  for (int slot = begin[0]; slot < begin[1]; slot++) {
    int e = s->expert[slot];
    float each = e == EPLB_EMPTY ? 0 : 1 / (float)s->count[e];
    for (int i = 0; i < EPLB_SERIES_VECTORS && e != EPLB_EMPTY; i++)
      noise->at[i] += s->noise[e].at[i] * (each * each);
  }
  return noise;
}

/* ---- the layer ---- */

void eplb_history_layer_is_out_of_balance(eplb_history_state_t *s) {
  if (s->gain_quantile <= (float)EPLB_NOISE_SINGLE_QUANTILE)
    return;
  s->gain_quantile = (float)EPLB_NOISE_SINGLE_QUANTILE;
  memset(s->seen, 0, (size_t)s->num_devices * (size_t)s->reach * sizeof *s->seen);
  memset(s->slot_seen, 0, (size_t)s->num_slots * sizeof *s->slot_seen);
}

void eplb_history_test_devices(eplb_history_state_t *s) {
  eplb_series_t weight = {0}; /* from stored values to p_k times a window's */
  for (int k = 0; k < s->num_windows; k++)
    *noise_value(&weight, k) = s->weight[k] / sqrtf(*noise_value(&s->quarter, k));
  for (int d = 0; d < s->num_devices && s->gain_quantile > 0; d++) {
    eplb_series_t noise = *device_noise(s, d);
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
      noise.at[i] *= weight.at[i];
    float above = eplb_series_dot(&s->time[d], &weight) - 1, error = s->gain_quantile * s->inverse_speed[d];
    if (above > 0 && above * above > error * error * eplb_series_dot(&noise, &weight))
      eplb_history_layer_is_out_of_balance(s);
  }
}

/* ---- gains ---- */

/* How the price of a time rises with the load. */
static inline eplb_simd4_t slope_of(eplb_simd4_t time, float inverse_speed) {
  eplb_simd4_t t2 = time * time;
  return t2 * t2 * t2 * time * (8 * inverse_speed);
}

int eplb_history_swap_is_significant(eplb_history_state_t *s, int a, int b, float gain) {
  if (!(s->gain_quantile > 0))
    return 1;
  int e = s->expert[a], f = s->expert[b], p = s->device_of[a], q = s->device_of[b];
  float part_e = e == EPLB_EMPTY ? 0 : 1 / (float)s->count[e], part_f = f == EPLB_EMPTY ? 0 : 1 / (float)s->count[f];
  const eplb_series_t *noise_p = device_noise(s, p), *noise_q = device_noise(s, q);
  eplb_simd4_t variance = {0};
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++) {
    eplb_simd4_t goes = s->replica_load[e].at[i] - s->replica_load[f].at[i];
    eplb_simd4_t new_p = slope_of(s->time[p].at[i] - goes * s->inverse_speed[p], s->inverse_speed[p]);
    eplb_simd4_t new_q = slope_of(s->time[q].at[i] + goes * s->inverse_speed[q], s->inverse_speed[q]);
    eplb_simd4_t noise_e = s->noise[e].at[i] * (part_e * part_e), noise_f = s->noise[f].at[i] * (part_f * part_f);
    eplb_simd4_t stays_p = s->slope[p].at[i] - new_p, stays_q = s->slope[q].at[i] - new_q;
    eplb_simd4_t moves_e = s->slope[p].at[i] - new_q, moves_f = s->slope[q].at[i] - new_p;
    variance += stays_p * stays_p * (noise_p->at[i] - noise_e) + stays_q * stays_q * (noise_q->at[i] - noise_f) +
                moves_e * moves_e * noise_e + moves_f * moves_f * noise_f;
  }
  return eplb_history_gain_is_significant(s, gain, eplb_simd4_sum(variance));
}

/* The fraction of an expert's load that a device has before and after a slot gets another expert. */
typedef struct part {
  float before, after;
} part_t;

static part_t part_of(const eplb_history_state_t *s, int device, int expert, int changes, int more) {
  if (expert == EPLB_EMPTY)
    return (part_t){0, 0};
  int holds = eplb_history_state_holds(s, device, expert);
  float was = 1 / (float)s->count[expert], now = s->count[expert] + more > 0 ? 1 / (float)(s->count[expert] + more) : 0;
  return (part_t){holds ? was : 0, (changes ? more > 0 : holds) ? now : 0};
}

int eplb_history_replace_is_significant(eplb_history_state_t *s, int slot, int receiver, float gain) {
  if (!(s->gain_quantile > 0))
    return 1;
  int donor = s->expert[slot], device = s->device_of[slot];
  eplb_series_t by_receiver = {0}, by_donor = {0};
  eplb_simd4_t variance = {0};
  for (int d = eplb_history_state_next_holder(s, receiver, donor, device, 0); d < s->num_devices;
       d = eplb_history_state_next_holder(s, receiver, donor, device, d + 1)) {
    int changes = d == device;
    part_t x = part_of(s, d, receiver, changes, 1), y = part_of(s, d, donor, changes, -1);
    const eplb_series_t *noise = device_noise(s, d);
    const eplb_series_t *given = donor == EPLB_EMPTY ? &s->replica_load[EPLB_EMPTY] : &s->load[donor];
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++) {
      eplb_simd4_t more = s->load[receiver].at[i] * (x.after - x.before) + given->at[i] * (y.after - y.before);
      eplb_simd4_t was = s->slope[d].at[i];
      eplb_simd4_t now = slope_of(s->time[d].at[i] + more * s->inverse_speed[d], s->inverse_speed[d]);
      eplb_simd4_t rest = noise->at[i] - s->noise[receiver].at[i] * (x.before * x.before) -
                          s->noise[donor].at[i] * (y.before * y.before);
      variance += (was - now) * (was - now) * eplb_simd4_max(rest, (eplb_simd4_t){0});
      by_receiver.at[i] += was * x.before - now * x.after;
      by_donor.at[i] += was * y.before - now * y.after;
    }
  }
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    variance += by_receiver.at[i] * by_receiver.at[i] * s->noise[receiver].at[i] +
                by_donor.at[i] * by_donor.at[i] * s->noise[donor].at[i];
  return eplb_history_gain_is_significant(s, gain, eplb_simd4_sum(variance));
}

float eplb_history_variance_of_times(eplb_history_state_t *s, const eplb_series_t *before) {
  eplb_simd4_t variance = {0};
  for (int d = 0; d < s->num_devices && s->gain_quantile > 0; d++) {
    const eplb_series_t *noise = device_noise(s, d);
    for (int i = 0; i < EPLB_SERIES_VECTORS; i++) {
      eplb_simd4_t falls =
          slope_of(before[d].at[i], s->inverse_speed[d]) - slope_of(s->time[d].at[i], s->inverse_speed[d]);
      variance += falls * falls * noise->at[i];
    }
  }
  return eplb_simd4_sum(variance);
}
