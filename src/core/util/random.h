/* Random numbers that are the same everywhere: splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
#ifndef EPLB_CORE_UTIL_RANDOM_H
#define EPLB_CORE_UTIL_RANDOM_H

#include <math.h>
#include <stdint.h>

static inline uint64_t eplb_random(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* Uniform, in (0, 1). */
static inline double eplb_random_uniform(uint64_t *state) {
  return ((double)(eplb_random(state) >> 12) + .5) * 0x1p-52;
}

/* Normal, mean 0, deviation 1 (Box and Muller). */
static inline double eplb_random_normal(uint64_t *state) {
  double radius = sqrt(-2 * log(eplb_random_uniform(state)));
  return radius * cos(6.283185307179586 * eplb_random_uniform(state));
}

#endif
