/* One layer under several windows at once, while its placement is being made: what the scenario and the linked planner
 * work on.
 *
 * A device's price is the sum over windows k of p_k time_k^8, the p_k adding up to 1: near enough to the largest time
 * of any likely window, smooth and convex. Series of loads and times are kept times the eighth root of p_k, so that a
 * price is a plain sum of eighth powers. */
#ifndef EPLB_CORE_PLAN_HISTORY_HISTORY_STATE_H
#define EPLB_CORE_PLAN_HISTORY_HISTORY_STATE_H

#include "core/util/simd.h"
#include <eplb/forecast.h>
#include <eplb/placement.h>
#include <float.h>

enum { EPLB_SERIES_LANES = 4 };
_Static_assert(4 * EPLB_SERIES_LANES == EPLB_HISTORY_MAX, "a lane for each four windows");

/* A value for each window, the newest first, and 0 for those that are not. */
typedef struct eplb_series {
  eplb_lanes_t at[EPLB_SERIES_LANES];
} eplb_series_t;

/* The slots of a device that may change what they hold with slots of another. */
typedef struct eplb_side {
  int count;
  int32_t *slot;      /* [count] */
  float *rise, *mean; /* [count], infinite and 0 up to a multiple of four: by how much prices and fees rise if what the
                         slot holds goes to the other device, and its mean load */
} eplb_side_t;

typedef struct eplb_scenario {
  const eplb_topology_t *topology;
  int num_experts, num_slots, num_devices;
  int usable_devices; /* those with slots: no expert has more replicas */
  int num_windows;
  float weight[EPLB_HISTORY_MAX]; /* the p_k */
  eplb_series_t quarter;          /* their fourth roots */

  /* of the layer's windows */
  eplb_series_t *load; /* [num_experts]: with a mean device time of 1 in each window */
  float *mean, *peak;  /* [num_experts]: of the load over windows */
  float *worth;        /* [num_experts]: sum of p load^8, by which replicas are given out */

  /* of the placement */
  int32_t *expert;      /* [num_slots] or EPLB_EMPTY */
  int32_t *count;       /* [num_experts] */
  eplb_series_t *piece; /* [-1 ... num_experts - 1]: load / count; that of EPLB_EMPTY is 0 */
  float *piece_mean;    /* the same of mean */
  uint16_t *holds;      /* [num_devices][num_experts]: replicas */
  eplb_series_t *time;  /* [num_devices] */
  eplb_series_t *shift; /* [num_devices]: load that shares bring, beyond an equal split; 0 until somebody sets it */
  float *price;         /* [num_devices] */
  eplb_series_t *slope; /* [num_devices]: how the price rises with the device's load */
  float *bend;          /* [num_devices]: how the slope does: sum of p_k time_k^6, times slowness squared */
  float *rise;          /* [num_devices][num_experts]: how it rises with an expert's load */
  uint8_t *stale;       /* [num_devices]: rise is of an earlier slope */
  int32_t *used;        /* [num_devices]: slots given out so far */

  /* of the way there */
  float *fee;                 /* [num_devices][num_experts]: of having an expert there; 0 where it was before */
  float fee_price, fee_floor; /* of a fee of 1: now, and the lowest that it will fall to */
  int moves, max_moves;       /* slots with a fee */
  uint8_t *fixed;             /* [num_slots]: swaps leave it alone */
  int32_t clock;              /* counts changes of devices */
  int32_t *changed;           /* [num_devices]: when it last changed */
  int reach;                  /* each device is tried with so many that follow it */
  int32_t *seen;              /* [num_devices][reach]: when the swaps of two devices were last looked at */
  float *bargain;             /* the same: the fee price up to which the best of them is worth it */
  int32_t *slot_seen;         /* [num_slots]: the same of what a slot could hold instead */
  float *slot_bargain;        /* [num_slots] */

  float *slowness;                      /* [num_devices]: mean speed / speed */
  int32_t *device_of;                   /* [num_slots] */
  eplb_side_t side[2];                  /* scratch of swaps */
  float *key, *more, *drop, *new_piece; /* [num_experts]: scratch */
  int32_t *order;                       /* [num_experts]: scratch */
  uint64_t *heap;                       /* [num_experts]: scratch */
  char *block;                          /* all arrays */
} eplb_scenario_t;

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_scenario_create(const eplb_topology_t *topology, int num_experts, eplb_scenario_t *scenario);
void eplb_scenario_free(eplb_scenario_t *scenario);

/* Takes up a layer's windows, which begin at windows->load[k] + offset. Those without load do not count. Returns how
 * many do; with 0 there is nothing to plan for. */
int eplb_scenario_set_load(eplb_scenario_t *scenario, const eplb_windows_t *windows, size_t offset);

/* Fees by what `before` has: 0 where the device has the expert, 1 where another of its node has, else node_cost. All 0
 * with before NULL. */
void eplb_scenario_set_fees(eplb_scenario_t *scenario, const int32_t *before, float node_cost);

/* ---- the placement and its elementary changes ---- */

/* All from `expert`, in which every expert has a slot. */
void eplb_scenario_index(eplb_scenario_t *scenario);

/* The time of a device, and its price, anew. */
void eplb_scenario_time(eplb_scenario_t *scenario, int device);

/* Empties all slots, for experts with `count` replicas to come. */
void eplb_scenario_clear(eplb_scenario_t *scenario);

/* Puts an expert into the first free slot of a device. */
void eplb_scenario_put(eplb_scenario_t *scenario, int expert, int device);

/* Lets two slots of different devices change what they hold. */
void eplb_scenario_swap(eplb_scenario_t *scenario, int a, int b);

/* Lets a slot hold another expert, or none. */
void eplb_scenario_set(eplb_scenario_t *scenario, int slot, int expert);

/* ---- from nothing ---- */

/* Counts: spare slots go one by one to the expert of most worth / count^8. */
void eplb_scenario_count(eplb_scenario_t *scenario);

/* Experts by `key`, the largest first, in `order`; equal ones by number. */
void eplb_scenario_sort(eplb_scenario_t *scenario);

/* How much dearer a device gets by a replica of an expert. */
float eplb_scenario_increase(const eplb_scenario_t *scenario, int expert, int device);

/* Puts all replicas of an expert, each on the device that gets dearer least; those for which none is left are
 * dropped. */
void eplb_scenario_place(eplb_scenario_t *scenario, int expert);

/* Gives out all slots by `count`, the experts of the largest pieces first. */
void eplb_scenario_deal(eplb_scenario_t *scenario);

/* ---- improvements at the fee price; each returns how many changes it made ---- */

/* Between each two devices of which one has changed since they were last looked at, or whose best swap has become worth
 * it, the best swap. */
int eplb_scenario_swap_pass(eplb_scenario_t *scenario);

/* The same with each slot that can be spared, and the best expert for it. */
int eplb_scenario_recount_pass(eplb_scenario_t *scenario);

/* ---- questions ---- */

static inline int eplb_scenario_holds(const eplb_scenario_t *s, int device, int expert) {
  return expert != EPLB_EMPTY && s->holds[(size_t)device * (size_t)s->num_experts + (size_t)expert];
}

static inline float eplb_scenario_fee(const eplb_scenario_t *s, int device, int expert) {
  return expert == EPLB_EMPTY ? 0 : s->fee[(size_t)device * (size_t)s->num_experts + (size_t)expert];
}

/* By how much moves grow when a slot gets an expert. */
static inline int eplb_scenario_moves(const eplb_scenario_t *s, int slot, int expert) {
  int d = s->device_of[slot];
  return (eplb_scenario_fee(s, d, expert) > 0) - (eplb_scenario_fee(s, d, s->expert[slot]) > 0);
}

static inline int eplb_scenario_can_take(const eplb_scenario_t *s, int device, int expert) {
  const int *begin = s->topology->slot_begin + device;
  return s->used[device] < begin[1] - begin[0] && !eplb_scenario_holds(s, device, expert);
}

static inline eplb_lanes_t eplb_lanes_eighth_power(eplb_lanes_t x) {
  x *= x;
  x *= x;
  return x * x;
}

/* Written out: compilers at -O2 leave so short a loop as it is. */
static inline float eplb_series_dot(const eplb_series_t *a, const eplb_series_t *b) {
  return eplb_lanes_sum((a->at[0] * b->at[0] + a->at[1] * b->at[1]) + (a->at[2] * b->at[2] + a->at[3] * b->at[3]));
}

/* For guesses of what a change gains: half the second derivative of x^8 at 1, as if loads that change places differed
 * by the same in every window. Guesses only choose what is looked at; measured: plans as good as when all swaps are, of
 * which they leave one in seven. */
#define EPLB_SCENARIO_BEND 28

/* A change must gain so much of a mean device's price. */
#define EPLB_SCENARIO_LEAST_GAIN 1e-5f

#endif
