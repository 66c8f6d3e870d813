/* Trains one model, balanced in one way. */
#ifndef MOE_TRAIN_H
#define MOE_TRAIN_H

#include "balance.h"
#include "text.h"

/* What came of it; the same on every rank, but for `seconds`. */
typedef struct result {
  int is_there;
  double *loss;                      /* [steps]: mean over the tokens of all ranks */
  double seconds, rebalance_seconds; /* of the whole; in the calls of rebalances, the slowest rank's */
  double tokens;                     /* of all ranks and steps */
  double busiest, mean; /* rows that the busiest rank of each layer and step computes, and the mean; after the first
                           rebalance */
  long moved;           /* slots */
  int rebalances, different; /* replicas with other bits, in all checks */
} result_t;

/* Rank 0 prints a line for each interval unless `quiet`. `loads` is NULL, or takes the router's counts of each interval.
 * Collective. */
void train(const options_t *options, const text_t *text, balance_mode_t mode, eplb_loads_t *loads, result_t *result);

#endif
