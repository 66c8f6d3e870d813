/* Loads: what is checked, and what only the tool makes of them. */
#ifndef EPLB_CORE_MODEL_LOADS_H
#define EPLB_CORE_MODEL_LOADS_H

#include <eplb/loads.h>

/* Whether load[num_layers][num_experts] can be planned for: each value finite, >= 0 and < 2^63, and each
 * layer's sum 0, or 1e-200 or more. Local.
 * EPLB_ERR_LOADS names the first layer and expert (by index) that is not; EPLB_ERR_ARGUMENT: a size < 1 or NULL. */
eplb_status_t eplb_loads_check(int num_layers, int num_experts, const double *load);

/* How many layers of load[num_layers][num_experts] have no load at all, as dense layers and idle ones. Local. */
static inline int eplb_loads_idle_layers(int num_layers, int num_experts, const double *load) {
  int idle = 0;
  for (int l = 0; l < num_layers; l++, load += num_experts) {
    int e = 0;
    while (e < num_experts && !(load[e] > 0))
      e++;
    idle += e == num_experts;
  }
  return idle;
}

/* The sum over all windows: sum[num_layers][num_experts], the caller's. Local. */
void eplb_loads_sum(const eplb_loads_t *loads, double *sum);

#endif
