/* DeepSeek's two building blocks, bit for bit: "replicate_experts" and "balanced_packing" of eplb.py.
 *
 * The arithmetic is single precision in the same order, and ties go to the lowest index. Heaps and a radix sort on
 * integer keys replace the argmax over all and the sort by comparison: O(slots log experts) instead of O(slots x
 * experts), and the results are equal. */
#include "core/plan/deepseek/balanced_packing.h"
#include "core/util/heap.h"

void eplb_replicate(int num_experts, const float *weight, int num_slots, const eplb_replicas_t *replicas) {
  int32_t *expert = replicas->expert, *number = replicas->number, *count = replicas->count;
  uint64_t *heap = replicas->heap;
  for (int e = 0; e < num_experts; e++) {
    expert[e] = e;
    number[e] = 0;
    count[e] = 1;
    heap[e] = eplb_key_heavy(weight[e], (uint32_t)e);
  }
  if (num_slots > num_experts)
    eplb_heap_build(heap, num_experts);
  for (int s = num_experts; s < num_slots; s++) {
    uint32_t e = eplb_key_index(*heap);
    expert[s] = (int32_t)e;
    number[s] = count[e]++;
    *heap = eplb_key_heavy(weight[e] / (float)count[e], e);
    eplb_heap_sift(heap, num_experts, 0);
  }
}

static void sort_by_insertion(uint64_t *keys, int size) {
  for (int i = 1; i < size; i++) {
    uint64_t key = keys[i];
    int at = i;
    for (; at > 0 && keys[at - 1] > key; at--)
      keys[at] = keys[at - 1];
    keys[at] = key;
  }
}

/* Sorts keys whose low halves are ascending already, by their high halves: four stable passes of a byte each. The
 * sorted keys end in `keys`, after an even number of passes. */
static void sort_by_radix(uint64_t *keys, uint64_t *spare, int size) {
  uint32_t start[4][256] = {{0}};
  for (int i = 0; i < size; i++)
    for (int byte = 0; byte < 4; byte++)
      start[byte][keys[i] >> (32 + 8 * byte) & 255]++;
  for (int byte = 0; byte < 4; byte++) {
    uint32_t sum = 0;
    for (int digit = 0; digit < 256; digit++) {
      uint32_t here = start[byte][digit];
      start[byte][digit] = sum;
      sum += here;
    }
    for (int i = 0; i < size; i++)
      spare[start[byte][keys[i] >> (32 + 8 * byte) & 255]++] = keys[i];
    uint64_t *sorted = spare;
    spare = keys;
    keys = sorted;
  }
}

void eplb_sort_keys(uint64_t *keys, uint64_t *spare, int size) {
  enum { SMALL = 48 }; /* below this, insertion takes fewer instructions than clearing the counters of the other */
  if (size < SMALL)
    sort_by_insertion(keys, size);
  else
    sort_by_radix(keys, spare, size);
}

void eplb_balanced_packing(int num_items, const float *weight, int num_packs, int32_t *pack, int32_t *place,
                           const eplb_balanced_packing_scratch_t *scratch) {
  int room = num_items / num_packs, open = num_packs;
  if (room == 1) { /* the reference does not sort here either */
    for (int i = 0; i < num_items; i++) {
      pack[i] = i;
      place[i] = 0;
    }
    return;
  }
  for (int i = 0; i < num_items; i++)
    scratch->keys[i] = eplb_key_heavy(weight[i], (uint32_t)i);
  eplb_sort_keys(scratch->keys, scratch->spare, num_items);
  for (int p = 0; p < num_packs; p++) {
    scratch->weight[p] = 0;
    scratch->filled[p] = 0;
    scratch->heap[p] = eplb_key_light(0, (uint32_t)p); /* ascending: a heap already */
  }
  for (int i = 0; i < num_items; i++) {
    uint32_t item = eplb_key_index(scratch->keys[i]), p = eplb_key_index(*scratch->heap);
    pack[item] = (int32_t)p;
    place[item] = scratch->filled[p]++;
    scratch->weight[p] += weight[item];
    *scratch->heap = scratch->filled[p] < room ? eplb_key_light(scratch->weight[p], p) : scratch->heap[--open];
    eplb_heap_sift(scratch->heap, open, 0);
  }
}
