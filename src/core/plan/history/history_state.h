/* The state of one layer under several windows, which the history and the chain planner change.
 *
 * A device's price is the sum over windows k of p_k time_k^8, the p_k adding up to 1: near enough to the largest time
 * of any likely window, smooth and convex. Series of loads and times are kept times the eighth root of p_k, so that a
 * price is a plain sum of eighth powers. */
#ifndef EPLB_CORE_PLAN_HISTORY_HISTORY_STATE_H
#define EPLB_CORE_PLAN_HISTORY_HISTORY_STATE_H

#include "core/util/simd.h"
#include <eplb/loads.h>
#include <eplb/placement.h>
#include <float.h>
#include <stddef.h>

enum { EPLB_SERIES_VECTORS = 4 };
_Static_assert(4 * EPLB_SERIES_VECTORS == EPLB_HISTORY_MAX, "a lane for each four windows");

/* A value for each window, the newest first; 0 beyond the last window. */
typedef struct eplb_series {
  eplb_simd4_t at[EPLB_SERIES_VECTORS];
} eplb_series_t;

/* The slots of a device that may be swapped with slots of another device. */
typedef struct eplb_side {
  int count;
  int32_t *slot; /* [count] */
  float *rise,
      *mean; /* [count], infinite and 0 up to a multiple of four: by how much prices and move costs rise if what the
                         slot holds goes to the other device, and its mean load */
} eplb_side_t;

typedef struct eplb_history_state {
  const eplb_topology_t *topology;
  int num_experts, num_slots, num_devices;
  int usable_devices; /* those with slots: no expert has more replicas */
  int num_windows;
  float weight[EPLB_HISTORY_MAX]; /* the p_k */
  eplb_series_t quarter;          /* their fourth roots */

  /* of the layer's windows */
  eplb_series_t *load;    /* [num_experts]: with a mean device time of 1 in each window */
  float *mean, *peak;     /* [num_experts]: of the load over windows */
  float *replication_key; /* [num_experts]: sum of p load^8, by which replicas are given out */

  /* of the placement */
  int32_t *expert;             /* [num_slots] or EPLB_EMPTY */
  int32_t *count;              /* [num_experts] */
  eplb_series_t *replica_load; /* [-1 ... num_experts - 1]: load / count; that of EPLB_EMPTY is 0 */
  float *replica_load_mean;    /* the same of mean */
  uint16_t *holds;             /* [num_devices][num_experts]: replicas */
  uint64_t *holders;           /* [-1 ... num_experts - 1][holder_words]: a bit for each device that holds any */
  int holder_words;
  eplb_series_t *time;  /* [num_devices] */
  eplb_series_t *shift; /* [num_devices]: load that shares add, compared with an equal split; 0 until it is set */
  float *price;         /* [num_devices] */
  eplb_series_t *slope; /* [num_devices]: how the price rises with the device's load */
  float *bend;          /* [num_devices]: second derivative: sum of p_k time_k^6, times inverse speed squared */
  float *rise;          /* [num_devices][num_experts]: how it rises with an expert's load */
  uint8_t *stale;       /* [num_devices]: rise is of an earlier slope */
  int32_t *used;        /* [num_devices]: slots given out so far */

  /* of the search */
  float *move_cost;                 /* [num_devices][num_experts]: of having an expert there; 0 where it was before */
  float threshold, final_threshold; /* of a move cost of 1: now, and the lowest that it will fall to */
  int moves, max_moves;             /* slots with a move cost */
  uint8_t *fixed;                   /* [num_slots]: swaps leave it alone */
  int32_t clock;                    /* counts changes of devices */
  int32_t *changed;                 /* [num_devices]: when it last changed */
  int reach;                        /* each device is paired with this many that follow it */
  int32_t *seen;                    /* [num_devices][reach]: when the swaps of two devices were last evaluated */
  float *candidate_threshold;       /* the same: the threshold below which the best swap pays */
  int32_t *slot_seen;               /* [num_slots]: the same of what a slot could hold instead */
  float *slot_candidate_threshold;  /* [num_slots] */

  /* of chance: see gain_noise.c */
  float gain_quantile;         /* standard errors that a gain must exceed; 0: none, as the loads are not counts */
  eplb_series_t *noise;        /* [-1 ... num_experts - 1]: variances of load; that of EPLB_EMPTY is 0 */
  eplb_series_t *device_noise; /* [num_devices]: variances of what a device has */
  int32_t *device_noise_seen;  /* [num_devices]: when that was made */

  float *inverse_speed;                        /* [num_devices]: mean speed / speed */
  int32_t *device_of;                          /* [num_slots] */
  eplb_side_t side[2];                         /* scratch of swaps */
  float *key, *more, *drop, *new_replica_load; /* [num_experts]: scratch */
  int32_t *order;                              /* [num_experts]: scratch */
  uint64_t *heap;                              /* [num_experts]: scratch */
  char *block;                                 /* all arrays */
} eplb_history_state_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_history_state_create(const eplb_topology_t *topology, int num_experts, eplb_history_state_t *state);
void eplb_history_state_free(eplb_history_state_t *state);

/* Sets the windows of a layer, which begin at windows->load[k] + offset. Windows without load do not count. Returns the
 * number of the others; 0: there is nothing to plan for. */
int eplb_history_state_set_load(eplb_history_state_t *state, const eplb_windows_t *windows, size_t offset);

/* Sets the variances of the windows of eplb_history_state_set_load; tokens_per_load as in eplb_plan_options_t. Without
 * this call every gain counts. */
void eplb_history_state_set_noise(eplb_history_state_t *state, double tokens_per_load, const eplb_windows_t *windows,
                                  size_t offset);

/* Move costs by what `before` has: 0 where the device has the expert, 1 where another of its node has, else node_cost.
 * All 0 with before NULL. */
void eplb_history_state_set_move_costs(eplb_history_state_t *state, const int32_t *before, float node_cost);

/* ---- the placement and its elementary changes ---- */

/* Computes all members from `expert`, in which every expert must have a slot. */
void eplb_history_state_index(eplb_history_state_t *state);

/* Computes the time and the price of a device. */
void eplb_history_state_time(eplb_history_state_t *state, int device);

/* Empties all slots, for experts with `count` replicas to come. */
void eplb_history_state_clear(eplb_history_state_t *state);

/* Puts an expert into the first free slot of a device. */
void eplb_history_state_put(eplb_history_state_t *state, int expert, int device);

/* Swaps the experts of two slots of different devices. */
void eplb_history_state_swap(eplb_history_state_t *state, int a, int b);

/* Puts another expert, or EPLB_EMPTY, into a slot. */
void eplb_history_state_set(eplb_history_state_t *state, int slot, int expert);

/* ---- from scratch ---- */

/* Chooses counts: each spare slot goes to the expert with the largest replication_key / count^8. */
void eplb_history_state_count(eplb_history_state_t *state);

/* Experts by `key`, the largest first, in `order`; equal ones by number. */
void eplb_history_state_sort(eplb_history_state_t *state);

/* By how much a device's price rises with a replica of an expert. */
float eplb_history_state_increase(const eplb_history_state_t *state, int expert, int device);

/* Places all replicas of an expert, each on the device whose price rises least; replicas without a device are
 * dropped. */
void eplb_history_state_place(eplb_history_state_t *state, int expert);

/* Gives out all slots by `count`, the experts of the largest replica loads first. */
void eplb_history_construct(eplb_history_state_t *state);

/* ---- improvements at the threshold; each returns how many changes it made ---- */

/* Makes the best swap between each two devices of which one has changed since their last evaluation, or whose best swap
 * pays now. */
int eplb_history_swap_pass(eplb_history_state_t *state);

/* The same with each slot that can be spared, and the best expert for it. */
int eplb_history_replace_pass(eplb_history_state_t *state);

/* ---- whether a gain is more than chance; always, where loads are not counts ---- */

/* Declares that the layer is out of balance by more than chance: from now on each change need only pass its own test.
 * All swaps are evaluated again. */
void eplb_history_layer_is_out_of_balance(eplb_history_state_t *state);

/* Tests this by the devices' mean times. */
void eplb_history_test_devices(eplb_history_state_t *state);

/* Of a swap of what slots a and b hold. */
int eplb_history_swap_is_significant(eplb_history_state_t *state, int a, int b, float gain);

/* Of a slot that gets another expert. */
int eplb_history_replace_is_significant(eplb_history_state_t *state, int slot, int receiver, float gain);

/* The variance of the fall of all prices from the times before[num_devices] to the current times. */
float eplb_history_variance_of_times(eplb_history_state_t *state, const eplb_series_t *before);

static inline int eplb_history_gain_is_significant(const eplb_history_state_t *s, float gain, float variance) {
  return gain * gain > s->gain_quantile * s->gain_quantile * variance;
}

/* ---- questions ---- */

static inline int eplb_history_state_holds(const eplb_history_state_t *s, int device, int expert) {
  return expert != EPLB_EMPTY && s->holds[(size_t)device * (size_t)s->num_experts + (size_t)expert];
}

/* The first device from number `from` on that holds expert a or b, or is `device`; num_devices if there is none. Each
 * expert may be EPLB_EMPTY. */
static inline int eplb_history_state_next_holder(const eplb_history_state_t *s, int a, int b, int device, int from) {
  const uint64_t *of_a = s->holders + (ptrdiff_t)a * s->holder_words,
                 *of_b = s->holders + (ptrdiff_t)b * s->holder_words;
  int next = s->num_devices;
  uint64_t later = ~UINT64_C(0) << (from & 63); /* in the first word */
  for (int w = from >> 6; w < s->holder_words; w++, later = ~UINT64_C(0)) {
    uint64_t bits = (of_a[w] | of_b[w]) & later;
    if (bits) {
      next = w * 64 + __builtin_ctzll(bits);
      break;
    }
  }
  return device >= from && device < next ? device : next;
}

static inline float eplb_history_state_move_cost(const eplb_history_state_t *s, int device, int expert) {
  return expert == EPLB_EMPTY ? 0 : s->move_cost[(size_t)device * (size_t)s->num_experts + (size_t)expert];
}

/* By how much moves grow when a slot gets an expert. */
static inline int eplb_history_state_moves(const eplb_history_state_t *s, int slot, int expert) {
  int d = s->device_of[slot];
  return (eplb_history_state_move_cost(s, d, expert) > 0) - (eplb_history_state_move_cost(s, d, s->expert[slot]) > 0);
}

static inline int eplb_history_state_can_take(const eplb_history_state_t *s, int device, int expert) {
  const int *begin = s->topology->slot_begin + device;
  return s->used[device] < begin[1] - begin[0] && !eplb_history_state_holds(s, device, expert);
}

static inline eplb_simd4_t eplb_simd4_eighth_power(eplb_simd4_t x) {
  x *= x;
  x *= x;
  return x * x;
}

/* Written out, because compilers at -O2 do not unroll so short a loop. */
static inline float eplb_series_dot(const eplb_series_t *a, const eplb_series_t *b) {
  return eplb_simd4_sum((a->at[0] * b->at[0] + a->at[1] * b->at[1]) + (a->at[2] * b->at[2] + a->at[3] * b->at[3]));
}

/* A window's value in a series. */
static inline float eplb_series_at(const eplb_series_t *series, int window) {
  return ((const float *)series)[window];
}

/* The default of options->move_cost: with an equal split, and with chains. */
#define EPLB_HISTORY_MOVE_COST .003f
#define EPLB_CHAIN_MOVE_COST   .01f

/* For guesses of what a change gains: half the second derivative of x^8 at 1, as if loads that change places differed
 * by the same in every window. Guesses only choose what is looked at; measured: plans as good as when all swaps are, of
 * which they leave one in seven. */
#define EPLB_HISTORY_BEND 28

/* The least gain of a change, in mean device prices. */
#define EPLB_HISTORY_LEAST_GAIN 1e-5f

#endif
