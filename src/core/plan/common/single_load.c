/* Reduces all windows to one load, a forecast with its variance, for planners that plan for one window. */
#include "core/plan/common/single_load.h"
#include "core/model/forecast.h"
#include "core/plan/common/count_noise.h"
#include "core/util/alloc.h"

/* The load of one token in a layer of a forecast, or 0. */
static double token_of(const eplb_plan_request_t *q, size_t layer, double variance) {
  const eplb_windows_t *w = q->windows;
  double token = 1;
  for (int k = 0; k < w->num_windows && token > 0; k++)
    token = eplb_noise_token(q->options->tokens_per_load, w->num_experts, w->load[k] + layer * (size_t)w->num_experts);
  return token * variance;
}

eplb_status_t eplb_single_load_make(const eplb_plan_request_t *request, eplb_single_load_t *single) {
  const eplb_windows_t *w = request->windows;
  size_t layers = (size_t)w->num_layers, values = layers * (size_t)w->num_experts;
  int forecasts = w->num_windows > 1;
  eplb_status_t status = EPLB_SUCCESS;
  single->load = w->load[0];
  single->token = EPLB_NEW(double, layers + (forecasts ? values : 0));
  if (!single->token)
    return EPLB_ERR_MEMORY;
  for (size_t l = 0; l < layers; l++)
    single->token[l] = 1;
  if (forecasts) {
    status = eplb_forecast_with_variance(request->options->forecast, w, single->token + layers, single->token);
    single->load = single->token + layers;
  }
  for (size_t l = 0; l < layers && request->current && !status; l++)
    single->token[l] = token_of(request, l, single->token[l]);
  return status;
}

void eplb_single_load_free(eplb_single_load_t *single) {
  free(single->token);
}
