/* One layer's placement while it is being made: which slot holds what, what that costs each device, and the elementary
 * changes. A device's time is always the sum over its slots in slot order, whatever the way there: equal placements
 * have equal times. */
#ifndef EPLB_CORE_PLAN_WINDOW_WINDOW_STATE_H
#define EPLB_CORE_PLAN_WINDOW_WINDOW_STATE_H

#include <eplb/placement.h>
#include <stdint.h>

/* Number of slots in a vector. */
enum { EPLB_SIMD_WIDTH = 8 };
#define EPLB_SIMD_ROUND_UP(count) (((count) + EPLB_SIMD_WIDTH - 1) / EPLB_SIMD_WIDTH * EPLB_SIMD_WIDTH)

typedef struct eplb_window_state {
  int num_experts, num_slots, num_devices;
  const int *slot_begin;       /* [num_devices + 1] */
  const double *weight;        /* [num_experts]: loads, with a mean device time of 1 (where there is any load) */
  const double *inverse_speed; /* [num_devices]: mean speed / speed */
  double bound;                /* no placement's busiest device is below this time; >= 1 */
  double good_enough;          /* a time that need not be lowered any more; 0: only what is near the bound */
  double token;                /* the weight of one token; 0: weights have no noise, or none that is known */
  double largest_replica_load; /* the least that the largest replica load can be */
  int32_t *expert;             /* [num_slots] or EPLB_EMPTY */
  int32_t *device;             /* [num_slots] */
  int32_t *count;              /* [num_experts] */
  double *replica_load;        /* [-1 ... num_experts - 1]: weight / count; that of EPLB_EMPTY is 0 */
  int32_t *first;              /* [num_experts]: a slot that holds it, or -1 */
  int32_t *next, *before;      /* [num_slots]: other slots that hold the same, or -1 */
  double *time;                /* [num_devices] */
  float *slot_replica_load;    /* [EPLB_SIMD_ROUND_UP(num_slots)]: the replica load of what it holds */
  float *slot_time;            /* the same: its device's time; infinite behind the last slot */
  float *slot_inverse_speed;   /* the same: its device's */
  float *lower_bound;          /* [num_slots]: scratch of searches */
  int64_t work; /* candidates that may still be evaluated: set by the effort, the same on every machine */
} eplb_window_state_t;

/* Lists, counts, replica loads and times from `expert`. Experts without a slot keep count 0 and an infinite replica
 * load. */
void eplb_window_state_index(eplb_window_state_t *layer);

/* Lets two slots of different devices change what they hold. */
void eplb_window_state_swap(eplb_window_state_t *layer, int a, int b);

/* Lets a slot hold another expert, or EPLB_EMPTY. */
void eplb_window_state_set(eplb_window_state_t *layer, int slot, int expert);

/* Parts replicas of one expert on one device, by swaps with the slots of nearest replica load, as far as that can be.
 * Returns how many remain. */
int eplb_window_state_separate_colocated(eplb_window_state_t *layer);

/* Whether all devices have as many slots and the same speed. */
int eplb_window_state_even(const eplb_window_state_t *layer);

/* The variances of an expert's weight, and of a device's time, by chance; see ../common/count_noise.c. */
double eplb_window_state_expert_noise(const eplb_window_state_t *layer, int expert);
double eplb_window_state_device_noise(const eplb_window_state_t *layer, int device);

static inline int eplb_window_state_holds(const eplb_window_state_t *l, int device, int expert) {
  if (expert != EPLB_EMPTY)
    for (int s = l->first[expert]; s >= 0; s = l->next[s])
      if (l->device[s] == device)
        return 1;
  return 0;
}

/* The device with the largest time, the first of equals. */
static inline int eplb_window_state_busiest(const eplb_window_state_t *l) {
  int busiest = 0;
  for (int d = 1; d < l->num_devices; d++)
    if (l->time[d] > l->time[busiest])
      busiest = d;
  return busiest;
}

#endif
