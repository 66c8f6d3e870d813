/* The state of one layer under W windows: loads, replica loads, times and prices, kept up to date by elementary
 * changes.
 *
 * A value that differs by window is a series of EPLB_HISTORY_MAX floats in vector registers of four. Series are stored
 * times the eighth root of their window's probability, so that a price is a plain sum of eighth powers. Prices have a
 * first derivative (slope) and a second (bend), by which candidates are estimated before they are computed. */
#include "core/plan/history/history_state.h"
#include "core/util/alloc.h"
#include <math.h>
#include <string.h>

/* So much farther than windows seen; measured: 1 to 1.5 hardly differ, 2 is worse where loads jump. With .7
 * moves are fewer by 12 to 31 % on 32 GPUs, but balance is lower on most shapes, by up to .021. */
static const float STRAY = 1.25f;

/* With all that follow, thousands of devices would take minutes. */
enum { REACH = 256 };

/* ---- life ---- */

/* With base NULL only finds the size of the block. What is read in fours has room behind its end. */
static size_t carve_state(eplb_history_state_t *s, char *base) {
  size_t used = 0, e = (size_t)s->num_experts, d = (size_t)s->num_devices, slots = (size_t)s->num_slots;
  s->load = eplb_carve(base, &used, e, sizeof *s->load);
  eplb_series_t *replica_load = eplb_carve(base, &used, e + 1, sizeof *replica_load);
  s->replica_load = base ? replica_load + 1 : NULL;
  float *replica_load_mean = eplb_carve(base, &used, e + 1, sizeof *replica_load_mean);
  s->replica_load_mean = base ? replica_load_mean + 1 : NULL;
  eplb_series_t *noise = eplb_carve(base, &used, e + 1, sizeof *noise);
  s->noise = base ? noise + 1 : NULL;
  s->device_noise = eplb_carve(base, &used, d, sizeof *s->device_noise);
  s->time = eplb_carve(base, &used, d, sizeof *s->time);
  s->shift = eplb_carve(base, &used, d, sizeof *s->shift);
  s->slope = eplb_carve(base, &used, d, sizeof *s->slope);
  s->mean = eplb_carve(base, &used, e, sizeof *s->mean);
  s->peak = eplb_carve(base, &used, e, sizeof *s->peak);
  s->replication_key = eplb_carve(base, &used, e, sizeof *s->replication_key);
  s->key = eplb_carve(base, &used, e, sizeof *s->key);
  s->more = eplb_carve(base, &used, e + 4, sizeof *s->more);
  s->new_replica_load = eplb_carve(base, &used, e + 4, sizeof *s->new_replica_load);
  s->drop = eplb_carve(base, &used, e + 4, sizeof *s->drop);
  s->inverse_speed = eplb_carve(base, &used, d, sizeof *s->inverse_speed);
  for (int i = 0; i < 2; i++) {
    s->side[i].rise = eplb_carve(base, &used, slots + 4, sizeof *s->side[i].rise);
    s->side[i].mean = eplb_carve(base, &used, slots + 4, sizeof *s->side[i].mean);
    s->side[i].slot = eplb_carve(base, &used, slots, sizeof *s->side[i].slot);
  }
  s->bend = eplb_carve(base, &used, d, sizeof *s->bend);
  s->price = eplb_carve(base, &used, d, sizeof *s->price);
  s->move_cost = eplb_carve(base, &used, d * e + 4, sizeof *s->move_cost);
  s->rise = eplb_carve(base, &used, d * e + 4, sizeof *s->rise);
  s->count = eplb_carve(base, &used, e, sizeof *s->count);
  s->order = eplb_carve(base, &used, e, sizeof *s->order);
  s->used = eplb_carve(base, &used, d, sizeof *s->used);
  s->expert = eplb_carve(base, &used, slots, sizeof *s->expert);
  s->device_of = eplb_carve(base, &used, slots, sizeof *s->device_of);
  s->changed = eplb_carve(base, &used, d, sizeof *s->changed);
  s->device_noise_seen = eplb_carve(base, &used, d, sizeof *s->device_noise_seen);
  s->seen = eplb_carve(base, &used, d * (size_t)s->reach, sizeof *s->seen);
  s->candidate_threshold = eplb_carve(base, &used, d * (size_t)s->reach, sizeof *s->candidate_threshold);
  s->slot_seen = eplb_carve(base, &used, slots, sizeof *s->slot_seen);
  s->slot_candidate_threshold = eplb_carve(base, &used, slots, sizeof *s->slot_candidate_threshold);
  s->heap = eplb_carve(base, &used, e, sizeof *s->heap);
  s->holds = eplb_carve(base, &used, d * e, sizeof *s->holds);
  uint64_t *holders = eplb_carve(base, &used, (e + 1) * (size_t)s->holder_words, sizeof *holders);
  s->holders = base ? holders + s->holder_words : NULL;
  s->stale = eplb_carve(base, &used, d, sizeof *s->stale);
  s->fixed = eplb_carve(base, &used, slots, sizeof *s->fixed);
  return used;
}

eplb_status_t eplb_history_state_create(const eplb_topology_t *topology, int num_experts, eplb_history_state_t *s) {
  *s = (eplb_history_state_t){.topology = topology,
                              .num_experts = num_experts,
                              .num_slots = eplb_topology_num_slots(topology),
                              .num_devices = topology->num_devices,
                              .holder_words = (topology->num_devices + 63) / 64,
                              .reach = topology->num_devices - 1 < REACH ? topology->num_devices - 1 : REACH};
  s->block = eplb_new(carve_state(s, NULL), 1);
  if (!s->block)
    return EPLB_ERR_MEMORY;
  carve_state(s, s->block);
  double speed = 0;
  for (int d = 0; d < s->num_devices; d++) {
    s->usable_devices += topology->slot_begin[d + 1] > topology->slot_begin[d];
    speed += topology->speed[d] / s->num_devices;
    for (int slot = topology->slot_begin[d]; slot < topology->slot_begin[d + 1]; slot++)
      s->device_of[slot] = d;
  }
  for (int d = 0; d < s->num_devices; d++)
    s->inverse_speed[d] = (float)(speed / topology->speed[d]);
  return EPLB_SUCCESS;
}

void eplb_history_state_free(eplb_history_state_t *s) {
  free(s->block);
  s->block = NULL;
}

/* ---- loads ---- */

static double total_load(const double *load, int num_experts) {
  double total = 0;
  for (int e = 0; e < num_experts; e++)
    total += load[e];
  return total;
}

static float *value_of_window(eplb_series_t *series, int window) {
  return (float *)series + window;
}

/* The next window that counts; values with a mean device time of 1. */
static void take_window(eplb_history_state_t *s, const double *load, double total, double weight) {
  int k = s->num_windows++;
  double scale = s->num_devices / total;
  s->weight[k] = (float)weight;
  for (int e = 0; e < s->num_experts; e++) {
    *value_of_window(&s->load[e], k) = (float)(load[e] * scale);
    s->mean[e] += s->weight[k] * *value_of_window(&s->load[e], k);
  }
}

static float to_the_eighth(float x) {
  x *= x;
  x *= x;
  return x * x;
}

/* The next window is farther from the mean than the known ones. */
static void finish_expert(eplb_history_state_t *s, int e) {
  s->peak[e] = s->replication_key[e] = 0;
  for (int k = 0; k < s->num_windows; k++) {
    float x = s->mean[e] + STRAY * (*value_of_window(&s->load[e], k) - s->mean[e]);
    x = x > 0 ? x : 0;
    s->peak[e] = x > s->peak[e] ? x : s->peak[e];
    s->replication_key[e] += s->weight[k] * to_the_eighth(x);
    *value_of_window(&s->load[e], k) = x * sqrtf(sqrtf(sqrtf(s->weight[k])));
  }
}

static void forget_changes(eplb_history_state_t *s) {
  s->clock = 0;
  memset(s->changed, 0, (size_t)s->num_devices * sizeof *s->changed);
  memset(s->seen, 0, (size_t)s->num_devices * (size_t)s->reach * sizeof *s->seen);
  memset(s->slot_seen, 0, (size_t)s->num_slots * sizeof *s->slot_seen);
}

int eplb_history_state_set_load(eplb_history_state_t *s, const eplb_windows_t *windows, size_t offset) {
  double total[EPLB_HISTORY_MAX], all = 0;
  forget_changes(s);
  memset(s->load, 0, (size_t)s->num_experts * sizeof *s->load);
  memset(s->mean, 0, (size_t)s->num_experts * sizeof *s->mean);
  memset(&s->quarter, 0, sizeof s->quarter);
  s->num_windows = 0;
  s->gain_quantile = 0;
  for (int k = 0; k < windows->num_windows; k++) {
    total[k] = total_load(windows->load[k] + offset, s->num_experts);
    all += total[k] > 0 ? windows->weight[k] : 0;
  }
  for (int k = 0; k < windows->num_windows; k++)
    if (total[k] > 0)
      take_window(s, windows->load[k] + offset, total[k], windows->weight[k] / all);
  for (int k = 0; k < s->num_windows; k++)
    *value_of_window(&s->quarter, k) = sqrtf(sqrtf(s->weight[k]));
  for (int e = 0; e < s->num_experts; e++)
    finish_expert(s, e);
  return s->num_windows;
}

/* ---- move costs ---- */

void eplb_history_state_set_move_costs(eplb_history_state_t *s, const int32_t *before, float node_cost) {
  const eplb_topology_t *t = s->topology;
  size_t experts = (size_t)s->num_experts;
  for (size_t i = 0; i < experts * (size_t)s->num_devices; i++)
    s->move_cost[i] = before ? node_cost : 0;
  for (int slot = 0; slot < s->num_slots && before; slot++) {
    int node = eplb_topology_node(t, s->device_of[slot]);
    for (int i = t->node_begin[node]; i < t->node_begin[node + 1] && before[slot] != EPLB_EMPTY; i++)
      s->move_cost[(size_t)t->node_device[i] * experts + (size_t)before[slot]] = 1;
  }
  for (int slot = 0; slot < s->num_slots && before; slot++)
    if (before[slot] != EPLB_EMPTY)
      s->move_cost[(size_t)s->device_of[slot] * experts + (size_t)before[slot]] = 0;
}

/* ---- state ---- */

static void set_piece(eplb_history_state_t *s, int expert) {
  float each = 1 / (float)s->count[expert];
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    s->replica_load[expert].at[i] = s->load[expert].at[i] * each;
  s->replica_load_mean[expert] = s->mean[expert] * each;
}

/* The price of a device's time, and its first and second derivative by load. */
static void reprice(eplb_history_state_t *s, int device) {
  float slow = s->inverse_speed[device];
  eplb_simd4_t price = {0}, bend = {0};
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++) {
    eplb_simd4_t t = s->time[device].at[i], t2 = t * t, t6 = t2 * t2 * t2;
    price += t6 * t2;
    bend += t6 * s->quarter.at[i];
    s->slope[device].at[i] = t6 * t * (8 * slow);
  }
  s->price[device] = eplb_simd4_sum(price);
  s->bend[device] = eplb_simd4_sum(bend) * slow * slow;
  s->stale[device] = 1;
  s->changed[device] = ++s->clock;
}

void eplb_history_state_time(eplb_history_state_t *s, int device) {
  const int *begin = s->topology->slot_begin + device;
  eplb_series_t *time = &s->time[device];
  *time = s->shift[device];
  for (int slot = begin[0]; slot < begin[1]; slot++)
    for (int i = 0; i < EPLB_SERIES_VECTORS && s->expert[slot] != EPLB_EMPTY; i++)
      time->at[i] += s->replica_load[s->expert[slot]].at[i];
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    time->at[i] *= s->inverse_speed[device];
  reprice(s, device);
}

static void add_holder(eplb_history_state_t *s, int device, int expert) {
  s->holds[(size_t)device * (size_t)s->num_experts + (size_t)expert]++;
  s->holders[(ptrdiff_t)expert * s->holder_words + device / 64] |= UINT64_C(1) << device % 64;
}

static void drop_holder(eplb_history_state_t *s, int device, int expert) {
  if (--s->holds[(size_t)device * (size_t)s->num_experts + (size_t)expert] == 0)
    s->holders[(ptrdiff_t)expert * s->holder_words + device / 64] &= ~(UINT64_C(1) << device % 64);
}

static void drop_all_holders(eplb_history_state_t *s) {
  memset(s->holds, 0, (size_t)s->num_devices * (size_t)s->num_experts * sizeof *s->holds);
  memset(s->holders, 0, (size_t)s->num_experts * (size_t)s->holder_words * sizeof *s->holders);
}

void eplb_history_state_index(eplb_history_state_t *s) {
  s->moves = 0;
  memset(s->count, 0, (size_t)s->num_experts * sizeof *s->count);
  memset(s->shift, 0, (size_t)s->num_devices * sizeof *s->shift);
  drop_all_holders(s);
  for (int slot = 0; slot < s->num_slots; slot++)
    if (s->expert[slot] != EPLB_EMPTY) {
      s->count[s->expert[slot]]++;
      add_holder(s, s->device_of[slot], s->expert[slot]);
      s->moves += eplb_history_state_move_cost(s, s->device_of[slot], s->expert[slot]) > 0;
    }
  for (int e = 0; e < s->num_experts; e++)
    set_piece(s, e);
  for (int d = 0; d < s->num_devices; d++)
    eplb_history_state_time(s, d);
}

void eplb_history_state_clear(eplb_history_state_t *s) {
  for (int slot = 0; slot < s->num_slots; slot++)
    s->expert[slot] = EPLB_EMPTY;
  memset(s->used, 0, (size_t)s->num_devices * sizeof *s->used);
  memset(s->shift, 0, (size_t)s->num_devices * sizeof *s->shift);
  drop_all_holders(s);
  memset(s->fixed, 0, (size_t)s->num_slots);
  for (int e = 0; e < s->num_experts; e++)
    set_piece(s, e);
  for (int d = 0; d < s->num_devices; d++)
    eplb_history_state_time(s, d);
}

void eplb_history_state_put(eplb_history_state_t *s, int expert, int device) {
  int slot = s->topology->slot_begin[device] + s->used[device]++;
  s->expert[slot] = expert;
  add_holder(s, device, expert);
  for (int i = 0; i < EPLB_SERIES_VECTORS; i++)
    s->time[device].at[i] += s->replica_load[expert].at[i] * s->inverse_speed[device];
  reprice(s, device);
}

void eplb_history_state_swap(eplb_history_state_t *s, int a, int b) {
  int32_t e = s->expert[a], f = s->expert[b];
  int p = s->device_of[a], q = s->device_of[b];
  s->moves += eplb_history_state_moves(s, a, f) + eplb_history_state_moves(s, b, e);
  s->expert[a] = f;
  s->expert[b] = e;
  if (e != EPLB_EMPTY) {
    drop_holder(s, p, e);
    add_holder(s, q, e);
  }
  if (f != EPLB_EMPTY) {
    drop_holder(s, q, f);
    add_holder(s, p, f);
  }
  eplb_history_state_time(s, p);
  eplb_history_state_time(s, q);
}

void eplb_history_state_set(eplb_history_state_t *s, int slot, int expert) {
  int32_t was = s->expert[slot];
  s->moves += eplb_history_state_moves(s, slot, expert);
  if (was != EPLB_EMPTY) {
    s->count[was]--;
    drop_holder(s, s->device_of[slot], was);
    set_piece(s, was);
  }
  s->expert[slot] = expert;
  if (expert != EPLB_EMPTY) {
    s->count[expert]++;
    add_holder(s, s->device_of[slot], expert);
    set_piece(s, expert);
  }
  int device = s->device_of[slot];
  for (int d = eplb_history_state_next_holder(s, expert, was, device, 0); d < s->num_devices;
       d = eplb_history_state_next_holder(s, expert, was, device, d + 1))
    eplb_history_state_time(s, d);
}
