/* A test that keeps planners from following chance.
 *
 * Problem: with a router whose probabilities stay as they are, an expert that gets n tokens in the mean gets
 * n +- sqrt(n) in a window. Some device is the busiest by chance alone, and a planner that trusts counts moves experts
 * in every window for ever.
 * Test: counts are taken as independent Poisson variables. The gain of a change is a function of the counts; its
 * standard error follows by propagating their variances through its derivatives (the delta method). Two steps, as in
 * Fisher's protected least significant difference:
 * 1. A layer is left as it is unless its busiest device is busier than the mean by more than z standard errors of that
 *    device's load, or (several windows) some change gains more than z of its own standard errors. z is the normal
 *    quantile that the largest of d (d - 1) / 2 variables exceeds with a probability of at most 5 %, d being the number
 *    of devices (Bonferroni; the number is rounded up to a power of two).
 * 2. In such a layer each change must gain more than 1.645 standard errors: 5 % for a single one.
 * Error rate: where all devices have the same expected load, at most 5 % of the layers change in a plan, as far as the
 * normal distribution is that of the gain. Measured with 256 equal experts on 32 devices, 128 tokens each: none of 160
 * layers; docs/planning-ahead.md has the rest. */
#include "core/plan/common/count_noise.h"
#include <math.h>

/* quantile[i] is exceeded with a probability of .05 / 2^i. */
static const double quantile[] = {1.645, 1.960, 2.241, 2.498, 2.734, 2.955, 3.163, 3.359, 3.546, 3.725, 3.896,
                                  4.061, 4.220, 4.374, 4.523, 4.667, 4.808, 4.945, 5.078, 5.208, 5.335, 5.460,
                                  5.582, 5.701, 5.818, 5.933, 6.045, 6.156, 6.265, 6.372, 6.478, 6.582, 6.684};
enum { NUM_QUANTILES = sizeof quantile / sizeof *quantile };

double eplb_noise_quantile(int num_devices) {
  double pairs = (double)num_devices * (num_devices - 1) / 2;
  int i = 0;
  for (double power = 1; power < pairs && i + 1 < NUM_QUANTILES; power *= 2)
    i++;
  return quantile[i];
}

double eplb_noise_token(double tokens_per_load, int num_experts, const double *load) {
  if (tokens_per_load > 0)
    return 1 / tokens_per_load;
  for (int e = 0; e < num_experts; e++)
    if (floor(load[e]) < load[e])
      return 0;
  return 1;
}
