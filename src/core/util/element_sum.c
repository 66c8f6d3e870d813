/* Sums by blocks that fit into the first-level cache: each block is added up whole before it is stored, so the result
 * may lie in one of the arrays. */
#include "core/util/element_sum.h"
#include <string.h>

enum { BLOCK = 512 };

size_t eplb_number_bytes(eplb_number_t number) {
  static const size_t bytes[EPLB_NUM_NUMBERS] = {sizeof(float), sizeof(double), sizeof(uint16_t)};
  return bytes[number];
}

static const char *at(const void *array, int64_t element, size_t bytes) {
  return (const char *)array + (size_t)element * bytes;
}

static void sum_floats(int64_t begin, size_t count, const void *const *array, int num_arrays, void *result) {
  float sum[BLOCK], next[BLOCK];
  memcpy(sum, at(array[0], begin, sizeof *sum), count * sizeof *sum);
  for (int a = 1; a < num_arrays; a++) {
    memcpy(next, at(array[a], begin, sizeof *next), count * sizeof *next);
    for (size_t i = 0; i < count; i++)
      sum[i] += next[i];
  }
  memcpy((char *)result + (size_t)begin * sizeof *sum, sum, count * sizeof *sum);
}

static void sum_doubles(int64_t begin, size_t count, const void *const *array, int num_arrays, void *result) {
  double sum[BLOCK], next[BLOCK];
  memcpy(sum, at(array[0], begin, sizeof *sum), count * sizeof *sum);
  for (int a = 1; a < num_arrays; a++) {
    memcpy(next, at(array[a], begin, sizeof *next), count * sizeof *next);
    for (size_t i = 0; i < count; i++)
      sum[i] += next[i];
  }
  memcpy((char *)result + (size_t)begin * sizeof *sum, sum, count * sizeof *sum);
}

/* ---- bfloat16: the upper half of a float ---- */

static float widen_element(uint16_t number) {
  uint32_t bits = (uint32_t)number << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & UINT32_C(0x7fffffff)) > UINT32_C(0x7f800000)) /* not a number: rounding could make it infinite */
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + UINT32_C(0x7fff) + (bits >> 16 & 1)) >> 16);
}

static void sum_bfloats(int64_t begin, size_t count, const void *const *array, int num_arrays, void *result) {
  float sum[BLOCK];
  uint16_t next[BLOCK];
  for (int a = 0; a < num_arrays; a++) {
    memcpy(next, at(array[a], begin, sizeof *next), count * sizeof *next);
    for (size_t i = 0; i < count; i++)
      sum[i] = a ? sum[i] + widen_element(next[i]) : widen_element(next[i]);
  }
  for (size_t i = 0; i < count; i++)
    next[i] = narrow(sum[i]);
  memcpy((char *)result + (size_t)begin * sizeof *next, next, count * sizeof *next);
}

void eplb_element_sum(eplb_number_t number, int64_t count, const void *const *array, int num_arrays, void *result) {
  static void (*const sum[EPLB_NUM_NUMBERS])(int64_t, size_t, const void *const *, int,
                                             void *) = {sum_floats, sum_doubles, sum_bfloats};
  for (int64_t begin = 0; begin < count; begin += BLOCK)
    sum[number](begin, (size_t)(count - begin < BLOCK ? count - begin : BLOCK), array, num_arrays, result);
}
