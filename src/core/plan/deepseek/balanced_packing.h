/* The two steps of the reference planner: replicate, then pack. */
#ifndef EPLB_CORE_PLAN_DEEPSEEK_BALANCED_PACKING_H
#define EPLB_CORE_PLAN_DEEPSEEK_BALANCED_PACKING_H

#include <stdint.h>

/* Gives `num_slots` replicas to `num_experts` experts: one each, then again and again to the expert with the largest
 * weight / count, lowest index first. Slot i < num_experts holds expert i; the others as they were given. */
typedef struct eplb_replicas {
  int32_t *expert; /* [num_slots] */
  int32_t *number; /* [num_slots]: which replica of its expert a slot is */
  int32_t *count;  /* [num_experts] */
  uint64_t *heap;  /* [num_experts]: scratch */
} eplb_replicas_t;

void eplb_replicate(int num_experts, const float *weight, int num_slots, const eplb_replicas_t *replicas);

/* Sorts keys (order_key.h) whose indices are ascending, by load, then index. spare[size]: scratch. */
void eplb_sort_keys(uint64_t *keys, uint64_t *spare, int size);

/* Packs `num_items` into `num_packs` packs of num_items / num_packs each: heaviest first to the lightest pack with
 * room; ties to the lowest index. pack[num_items]; place[num_items]: the how manieth of its pack. */
typedef struct eplb_balanced_packing_scratch {
  uint64_t *keys, *spare; /* [num_items] */
  uint64_t *heap;         /* [num_packs] */
  float *weight;          /* [num_packs] */
  int32_t *filled;        /* [num_packs] */
} eplb_balanced_packing_scratch_t;

void eplb_balanced_packing(int num_items, const float *weight, int num_packs, int32_t *pack, int32_t *place,
                           const eplb_balanced_packing_scratch_t *scratch);

#endif
