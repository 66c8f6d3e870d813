/* One load made of all windows, for the planners that plan for one. */
#ifndef EPLB_CORE_PLAN_COMMON_SINGLE_LOAD_H
#define EPLB_CORE_PLAN_COMMON_SINGLE_LOAD_H

#include "core/plan/planner_row.h"

typedef struct eplb_single_load {
  const double *load; /* [num_layers][num_experts]: the only window, or the forecast of several */
  double *token;      /* [num_layers]: where there is a current placement: the load of one token, or 0: see
                         count_noise.h; the forecast is behind it */
} eplb_single_load_t;

/* Allocates single->token; free it with eplb_single_load_free, also after a failure. EPLB_ERR_MEMORY. */
eplb_status_t eplb_single_load_make(const eplb_plan_request_t *request, eplb_single_load_t *single);
void eplb_single_load_free(eplb_single_load_t *single);

#endif
