/* Each sum is taken in the order of k, whatever the other sizes are: results do not depend on how rows are grouped. */
#include "matrix.h"
#include <stddef.h>

static void add_scaled(int n, double factor, const double *restrict from, double *restrict to) {
  for (int i = 0; i < n; i++)
    to[i] += factor * from[i];
}

void multiply(int m, int n, int k, const double *a, const double *b, double *c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < k; j++)
      add_scaled(n, a[(size_t)i * (size_t)k + (size_t)j], b + (size_t)j * (size_t)n, c + (size_t)i * (size_t)n);
}

/* Eight sums at a time, which the compiler keeps in a vector; always in the same order. */
static double dot(int k, const double *a, const double *b) {
  double lane[8] = {0}, sum = 0;
  int i = 0;
  for (; i + 8 <= k; i += 8)
    for (int j = 0; j < 8; j++)
      lane[j] += a[i + j] * b[i + j];
  for (; i < k; i++)
    sum += a[i] * b[i];
  for (int j = 0; j < 8; j++)
    sum += lane[j];
  return sum;
}

void multiply_by_transposed(int m, int n, int k, const double *a, const double *b, double *c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++)
      c[(size_t)i * (size_t)n + (size_t)j] += dot(k, a + (size_t)i * (size_t)k, b + (size_t)j * (size_t)k);
}

void multiply_transposed(int m, int n, int k, const double *a, const double *b, double *c) {
  for (int j = 0; j < k; j++)
    for (int i = 0; i < m; i++)
      add_scaled(n, a[(size_t)j * (size_t)m + (size_t)i], b + (size_t)j * (size_t)n, c + (size_t)i * (size_t)n);
}
