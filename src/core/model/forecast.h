/* Forecasts, and how much of chance is in them. */
#ifndef EPLB_CORE_MODEL_FORECAST_H
#define EPLB_CORE_MODEL_FORECAST_H

#include <eplb/forecast.h>

/* As eplb_forecast_make. In variance[num_layers]: the variance of a layer's forecast for each unit of it, where windows
 * are counts; 1 for a single window, less for a mean of several. */
eplb_status_t eplb_forecast_with_variance(eplb_forecast_t kind, const eplb_windows_t *windows, double *forecast,
                                          double *variance);

#endif
