/* Four floats at once. The result of each is the same on every machine: nothing is reordered, and no value is NaN. */
#ifndef EPLB_CORE_UTIL_SIMD_H
#define EPLB_CORE_UTIL_SIMD_H

#include <stdint.h>
#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

typedef float eplb_simd4_t __attribute__((vector_size(16)));
typedef int32_t eplb_simd4_mask_t __attribute__((vector_size(16)));

static inline eplb_simd4_t eplb_simd4_load(const float *from) {
  eplb_simd4_t lanes;
  memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

static inline eplb_simd4_t eplb_simd4_max(eplb_simd4_t a, eplb_simd4_t b) {
#ifdef __SSE__
  return (eplb_simd4_t)_mm_max_ps((__m128)a, (__m128)b);
#else
  eplb_simd4_mask_t mask = a > b;
  return (eplb_simd4_t)((mask & (eplb_simd4_mask_t)a) | (~mask & (eplb_simd4_mask_t)b));
#endif
}

static inline eplb_simd4_t eplb_simd4_min(eplb_simd4_t a, eplb_simd4_t b) {
#ifdef __SSE__
  return (eplb_simd4_t)_mm_min_ps((__m128)a, (__m128)b);
#else
  eplb_simd4_mask_t mask = a < b;
  return (eplb_simd4_t)((mask & (eplb_simd4_mask_t)a) | (~mask & (eplb_simd4_mask_t)b));
#endif
}

/* (x0 + x2) + (x1 + x3). */
static inline float eplb_simd4_sum(eplb_simd4_t x) {
#ifdef __SSE__
  __m128 pairs = _mm_add_ps((__m128)x, _mm_movehl_ps((__m128)x, (__m128)x));
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
#else
  return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

static inline eplb_simd4_t eplb_simd4_all(float x) {
  return (eplb_simd4_t){x, x, x, x};
}

static inline int eplb_simd4_mask_any(eplb_simd4_mask_t mask) {
#ifdef __SSE__
  return _mm_movemask_ps((__m128)mask) != 0;
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

#endif
