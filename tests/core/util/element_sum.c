/* Sums of arrays, element by element, in their order. */
#include "core/util/element_sum.h"
#include "shapes.h"
#include "tap.h"
#include <math.h>
#include <string.h>

enum { COUNT = 1300, ARRAYS = 5 }; /* more than two blocks, and a part of one */

static void floats_and_doubles_are_added_in_order(void) {
  static float f[ARRAYS][COUNT], f_sum[COUNT], f_expected[COUNT];
  static double d[ARRAYS][COUNT], d_sum[COUNT], d_expected[COUNT];
  const void *f_array[ARRAYS], *d_array[ARRAYS];
  rng_t rng = {7};
  for (int a = 0; a < ARRAYS; a++) {
    for (int i = 0; i < COUNT; i++) {
      d[a][i] = (rng_unit(&rng) - .5) * pow(10, rng_between(&rng, -8, 8));
      f[a][i] = (float)d[a][i];
      f_expected[i] = a ? f_expected[i] + f[a][i] : f[a][i];
      d_expected[i] = a ? d_expected[i] + d[a][i] : d[a][i];
    }
    f_array[a] = f[a];
    d_array[a] = d[a];
  }
  eplb_element_sum(EPLB_NUMBER_FLOAT, COUNT, f_array, ARRAYS, f_sum);
  eplb_element_sum(EPLB_NUMBER_DOUBLE, COUNT, d_array, ARRAYS, d_sum);
  CU_ASSERT(!memcmp(f_sum, f_expected, sizeof f_sum) && !memcmp(d_sum, d_expected, sizeof d_sum));
  eplb_element_sum(EPLB_NUMBER_FLOAT, COUNT, f_array, ARRAYS, f[3]); /* in place */
  CU_ASSERT(!memcmp(f[3], f_expected, sizeof f_expected));
  CU_ASSERT(eplb_number_bytes(EPLB_NUMBER_FLOAT) == 4 && eplb_number_bytes(EPLB_NUMBER_DOUBLE) == 8);
}

/* At odd addresses, as in a message behind other types. */
static void arrays_need_no_alignment(void) {
  char bytes[2][4 * 3 + 1];
  const float values[2][3] = {{1, 2, 3}, {10, 20, 30}}, expected[] = {11, 22, 33};
  for (int a = 0; a < 2; a++)
    memcpy(bytes[a] + 1, values[a], sizeof values[a]);
  const void *array[] = {bytes[0] + 1, bytes[1] + 1};
  eplb_element_sum(EPLB_NUMBER_FLOAT, 3, array, 2, bytes[0] + 1);
  CU_ASSERT(!memcmp(bytes[0] + 1, expected, sizeof expected));
  eplb_element_sum(EPLB_NUMBER_FLOAT, 0, array, 2, NULL);
}

/* 0x3f80 is 1, 0x3b80 2^-8: half of the last bit of 1. */
static void bfloats_are_rounded_once(void) {
  const uint16_t a[] = {0x3f80, 0x3f80, 0x3f81, 0x3f80, 0x7f80, 0x7fff, 0x7f7f, 0x8000, 0xff80};
  const uint16_t b[] = {0x3f80, 0x3b80, 0x3b80, 0x3b00, 0x0000, 0x0000, 0x7f7f, 0x8000, 0x3f80};
  const uint16_t c[] = {0x0000, 0x0000, 0x0000, 0x3b00, 0x0000, 0x0000, 0x0000, 0x8000, 0x0000};
  const uint16_t expected[] = {0x4000, 0x3f80, 0x3f82, 0x3f80, 0x7f80, 0x7fff, 0x7f80, 0x8000, 0xff80};
  const void *array[] = {a, b, c};
  uint16_t sum[9];
  eplb_element_sum(EPLB_NUMBER_BFLOAT16, 9, array, 3, sum);
  for (int i = 0; i < 9; i++)
    CU_ASSERT_EQUAL(sum[i], expected[i]);
  CU_ASSERT_EQUAL(eplb_number_bytes(EPLB_NUMBER_BFLOAT16), 2);
}

int main(void) {
  static const tap_test_t tests[] = {{"floats and doubles are added in order", floats_and_doubles_are_added_in_order},
                                     {"arrays need no alignment", arrays_need_no_alignment},
                                     {"bfloat16 is rounded once", bfloats_are_rounded_once},
                                     {NULL, NULL}};
  return tap_run("element_sum", tests);
}
