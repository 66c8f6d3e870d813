/* What chance alone does to counts of tokens, and how large a gain must be not to be chance. */
#ifndef EPLB_CORE_PLAN_COMMON_COUNT_NOISE_H
#define EPLB_CORE_PLAN_COMMON_COUNT_NOISE_H

/* The load that one token stands for in load[num_experts]; 0 where the loads have no noise, or none that is known.
 * tokens_per_load is as in eplb_plan_options_t. */
double eplb_noise_token(double tokens_per_load, int num_experts, const double *load);

/* Standard errors that the gain of a single change must exceed. */
#define EPLB_NOISE_SINGLE_QUANTILE 1.645

/* The same quantile for the best of all changes between this many devices. */
double eplb_noise_quantile(int num_devices);

/* The variance of a load of which one token is `token`. One token more is added: no tokens are a count, too. */
static inline double eplb_noise_variance(double load, double token) {
  return token * (load + token);
}

#endif
