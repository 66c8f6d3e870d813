/* Forecasts, and how much of chance is in them. */
#ifndef EPLB_CORE_MODEL_FORECAST_H
#define EPLB_CORE_MODEL_FORECAST_H

#include <eplb/loads.h>

/* As eplb_forecast_make. variance[num_layers]: the variance of a layer's forecast divided by the forecast, if windows
 * are counts: 1 for a single window, less for a mean of several. */
eplb_status_t eplb_forecast_with_variance(eplb_forecast_t kind, const eplb_windows_t *windows, double *forecast,
                                          double *variance);

/* Whether windows can be planned for. Local. EPLB_ERR_ARGUMENT: a size, their number or a weight is out of range;
 * EPLB_ERR_LOADS. */
eplb_status_t eplb_windows_check(const eplb_windows_t *windows);

/* Copies a caller's windows, of this version or an older one, to *own, and checks them. */
eplb_status_t eplb_windows_take(const eplb_windows_t *given, eplb_windows_t *own);

/* Makes forecast[num_layers][num_experts], the caller's, with the total of each layer's newest window that has any
 * load. Local, pure. EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS. */
eplb_status_t eplb_forecast_make(eplb_forecast_t kind, const eplb_windows_t *windows, double *forecast);

/* The windows with weights that can be added and multiplied: the ratios stay, the heaviest is from 1 to below 2, and
 * none is below 2^-60. */
eplb_windows_t eplb_windows_scaled(const eplb_windows_t *windows);

#endif
