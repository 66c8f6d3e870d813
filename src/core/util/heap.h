/* Loads as integers whose order is that of (load, index): so a plain integer heap or sort breaks ties as the reference
 * does. Works because the bits of non-negative floats are ordered as their values are. */
#ifndef EPLB_CORE_UTIL_HEAP_H
#define EPLB_CORE_UTIL_HEAP_H

#include <stdint.h>
#include <string.h>

static inline uint32_t eplb_float_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Least first: the smallest load, then the lowest index. */
static inline uint64_t eplb_key_light(float load, uint32_t index) {
  return (uint64_t)eplb_float_bits(load) << 32 | index;
}

/* Least first: the largest load, then the lowest index. */
static inline uint64_t eplb_key_heavy(float load, uint32_t index) {
  return (uint64_t)~eplb_float_bits(load) << 32 | index;
}

static inline uint32_t eplb_key_index(uint64_t key) {
  return (uint32_t)key;
}

/* Moves the key at `at` of a heap (least on top) down to where it belongs. */
static inline void eplb_heap_sift(uint64_t *heap, int size, int at) {
  uint64_t key = heap[at];
  for (int child; (child = 2 * at + 1) < size; at = child) {
    child += child + 1 < size && heap[child + 1] < heap[child];
    if (key <= heap[child])
      break;
    heap[at] = heap[child];
  }
  heap[at] = key;
}

/* Adds a key to a heap of `size`, which has room for it. */
static inline void eplb_heap_push(uint64_t *heap, int size, uint64_t key) {
  int at = size;
  for (; at > 0 && heap[(at - 1) / 2] > key; at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = key;
}

static inline void eplb_heap_build(uint64_t *heap, int size) {
  for (int i = size / 2 - 1; i >= 0; i--)
    eplb_heap_sift(heap, size, i);
}

#endif
