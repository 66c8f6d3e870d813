/* Reads a number of a binary file: integers and reals of 1 to 8 bytes in either byte order. */
#include "core/formats/raw_number.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

int eplb_raw_is_known(eplb_raw_type_t type) {
  int whole = type.kind == 'i' || type.kind == 'u';
  return (type.size == 1 && whole) ||
         ((type.size == 2 || type.size == 4 || type.size == 8) && (whole || type.kind == 'f'));
}

/* C has no type for it. */
static double half(uint64_t bits) {
  int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
  double size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                               : ldexp(mantissa, -24);
  return bits >> 15 ? -size : size;
}

static double real_of_bits(uint64_t bits, int size) {
  uint32_t low = (uint32_t)bits;
  float single;
  double number;
  if (size == 2)
    return half(bits);
  memcpy(&single, &low, sizeof single);
  memcpy(&number, &bits, sizeof number);
  return size == 4 ? (double)single : number;
}

double eplb_raw_number(eplb_raw_type_t type, const unsigned char *bytes) {
  uint64_t bits = 0, sign = UINT64_C(1) << (8 * type.size - 1);
  for (int i = 0; i < type.size; i++)
    bits = bits << 8 | bytes[type.big ? i : type.size - 1 - i];
  if (type.kind == 'f')
    return real_of_bits(bits, type.size);
  return type.kind == 'i' && bits & sign ? -(double)((sign << 1) - bits) : (double)bits;
}
