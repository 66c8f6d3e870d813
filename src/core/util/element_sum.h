/* Sums of arrays of floating-point numbers, element by element, in a fixed order. */
#ifndef EPLB_CORE_UTIL_ELEMENT_SUM_H
#define EPLB_CORE_UTIL_ELEMENT_SUM_H

#include <stddef.h>
#include <stdint.h>

typedef enum eplb_number {
  EPLB_NUMBER_FLOAT,
  EPLB_NUMBER_DOUBLE,
  EPLB_NUMBER_BFLOAT16,
  EPLB_NUM_NUMBERS
} eplb_number_t;

size_t eplb_number_bytes(eplb_number_t number);

/* result[count] = ((array[0] + array[1]) + array[2]) + ... of num_arrays >= 1. bfloat16 is added in float and rounded
 * once, to the nearest, ties to even. Arrays need no alignment; result may be one of them. */
void eplb_element_sum(eplb_number_t number, int64_t count, const void *const *array, int num_arrays, void *result);

#endif
