/* Adam. */
#ifndef MOE_OPTIMIZER_H
#define MOE_OPTIMIZER_H

#include <stddef.h>

/* Parameters, their gradients, and the optimizer's moments, `count` of each. */
typedef struct adam {
  double *weight, *gradient, *mean, *variance;
} adam_t;

/* One step, number `step` from 0; sets the gradients to 0. */
void adam_step(const adam_t *adam, size_t count, int step, double rate);

#endif
