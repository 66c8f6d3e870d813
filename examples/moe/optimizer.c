/* Kingma and Ba 2015, with the usual constants. Each weight is computed from its own numbers alone: so replicas that had
 * the same bits before, and the same gradients, have the same bits afterwards. */
#include "optimizer.h"
#include <math.h>

void adam_step(const adam_t *a, size_t count, int step, double rate) {
  const double b1 = .9, b2 = .999, epsilon = 1e-6;
  const double to_mean = (1 / (1 - pow(b1, step + 1)));
  const double to_variance = (1 / (1 - pow(b2, step + 1)));
  for (size_t i = 0; i < count; i++) {
    double g = a->gradient[i];
    a->mean[i] = b1 * a->mean[i] + (1 - b1) * g;
    a->variance[i] = b2 * a->variance[i] + (1 - b2) * g * g;
    a->weight[i] -= rate * a->mean[i] * to_mean / (sqrt(a->variance[i] * to_variance) + epsilon);
    a->gradient[i] = 0;
  }
}
