/* Recordings: memory, checks and sums. */
#include "core/model/loads.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/loads.h>

eplb_status_t eplb_loads_create(int num_windows, int num_layers, int num_experts, eplb_loads_t **loads) {
  if (num_windows < 1 || num_layers < 1 || num_experts < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s of %s; expected at least 1 of each",
                     eplb_count(num_windows, "window"), eplb_count(num_layers, "layer"),
                     eplb_count(num_experts, "expert"));
  int64_t rows = (int64_t)num_windows * num_layers;
  if (rows > EPLB_LOADS_MAX_VALUES / num_experts)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s of %s; expected no more than %s", eplb_count(num_windows, "window"),
                     eplb_count(num_layers, "layer"), eplb_count(num_experts, "expert"),
                     eplb_count(EPLB_LOADS_MAX_VALUES, "value"));
  eplb_loads_t *l = EPLB_NEW(eplb_loads_t, 1);
  if (!l)
    return EPLB_ERR_MEMORY;
  *l = (eplb_loads_t){.num_windows = num_windows,
                      .num_layers = num_layers,
                      .num_experts = num_experts,
                      .layer_id = EPLB_NEW(int, num_layers),
                      .load = EPLB_NEW(double, rows *num_experts)};
  if (!l->layer_id || !l->load) {
    eplb_loads_destroy(&l);
    return EPLB_ERR_MEMORY;
  }
  for (int i = 0; i < num_layers; i++)
    l->layer_id[i] = i;
  *loads = l;
  return EPLB_SUCCESS;
}

void eplb_loads_destroy(eplb_loads_t **loads) {
  if (!loads || !*loads)
    return;
  free((*loads)->layer_id);
  free((*loads)->load);
  free(*loads);
  *loads = NULL;
}

static size_t window_values(const eplb_loads_t *loads) {
  return (size_t)loads->num_layers * (size_t)loads->num_experts;
}

eplb_status_t eplb_loads_check(int num_layers, int num_experts, const double *load) {
  if (num_layers < 1 || num_experts < 1 || !load)
    return eplb_fail(EPLB_ERR_ARGUMENT, "loads of %s of %s at %s; expected at least 1 of each",
                     eplb_count(num_layers, "layer"), eplb_count(num_experts, "expert"), load ? "an address" : "NULL");
  for (int l = 0; l < num_layers; l++) {
    double sum = 0;
    for (int e = 0; e < num_experts; e++, load++) {
      if (!(*load >= 0 && *load < 0x1p63))
        return eplb_fail(EPLB_ERR_LOADS, "layer %d, expert %d: a load of %g; expected a number from 0 to below 2^63", l,
                         e, *load);
      sum += *load;
    }
    if (sum > 0 && sum < 1e-200)
      return eplb_fail(EPLB_ERR_LOADS, "layer %d: the sum of its loads is %g; expected 0, or 1e-200 or more", l, sum);
  }
  return EPLB_SUCCESS;
}

void eplb_loads_sum(const eplb_loads_t *loads, double *sum) {
  size_t values = window_values(loads);
  for (size_t i = 0; i < values; i++) {
    sum[i] = 0;
    for (int w = 0; w < loads->num_windows; w++)
      sum[i] += loads->load[(size_t)w * values + i];
  }
}
