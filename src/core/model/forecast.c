/* Forecasts a load from recent windows: the last one, their mean, or exponential smoothing with the rate that would
 * have predicted each layer's windows best so far. Also gives the variance of the forecast, counts being Poisson.
 * O(windows x experts) for each layer and rate. */
#include "core/model/forecast.h"
#include "core/model/loads.h"
#include "core/util/count.h"
#include "core/util/sized.h"
#include <eplb/loads.h>
#include <math.h>
#include <string.h>

eplb_status_t eplb_windows_check(const eplb_windows_t *w) {
  if (!w || w->num_windows < 1 || w->num_windows > EPLB_HISTORY_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s; expected 1 to %d", eplb_count(w ? w->num_windows : 0, "window"),
                     EPLB_HISTORY_MAX);
  eplb_status_t status = EPLB_SUCCESS;
  for (int k = 0; k < w->num_windows && !status; k++) {
    if (!(w->weight[k] > 0 && isfinite(w->weight[k])))
      return eplb_fail(EPLB_ERR_ARGUMENT, "window %d has weight %g; expected a finite number above 0", k, w->weight[k]);
    status = eplb_loads_check(w->num_layers, w->num_experts, w->load[k]);
  }
  return status;
}

eplb_status_t eplb_windows_take(const eplb_windows_t *given, eplb_windows_t *own) {
  eplb_windows_init(own);
  eplb_status_t status = eplb_sized_take("windows", sizeof *own, given, own);
  return status ? status : eplb_windows_check(own);
}

eplb_windows_t eplb_windows_scaled(const eplb_windows_t *windows) {
  eplb_windows_t scaled = *windows;
  double heaviest = 0;
  for (int k = 0; k < scaled.num_windows; k++)
    heaviest = fmax(heaviest, scaled.weight[k]);
  for (int k = 0; k < scaled.num_windows; k++)
    scaled.weight[k] = fmax(ldexp(scaled.weight[k], -ilogb(heaviest)), 0x1p-60);
  return scaled;
}

/* Rates of exponential smoothing: the weight of the newest window. */
static const double smoothing[] = {1, .7, .5, .35, .25, .15, .1};
enum { NUM_SMOOTHINGS = sizeof smoothing / sizeof *smoothing };

/* A layer's windows with any load, the newest first, all with the total of the newest. */
typedef struct layer {
  int num_windows, num_experts;
  const double *load[EPLB_HISTORY_MAX];
  double scale[EPLB_HISTORY_MAX], weight[EPLB_HISTORY_MAX];
  double part[EPLB_HISTORY_MAX]; /* of each window, as it is, in the forecast */
} layer_t;

static void take_layer(const eplb_windows_t *w, size_t offset, layer_t *l) {
  double newest = 0;
  l->num_windows = 0;
  for (int k = 0; k < w->num_windows; k++) {
    double total = 0;
    for (int e = 0; e < l->num_experts; e++)
      total += w->load[k][offset + (size_t)e];
    if (!(total > 0))
      continue;
    newest = newest > 0 ? newest : total;
    l->load[l->num_windows] = w->load[k] + offset;
    l->scale[l->num_windows] = newest / total;
    l->weight[l->num_windows++] = w->weight[k];
  }
}

static void mean_of(layer_t *l, double *forecast) {
  double all = 0;
  for (int k = 0; k < l->num_windows; k++)
    all += l->weight[k];
  for (int k = 0; k < l->num_windows; k++)
    l->part[k] = l->scale[k] * l->weight[k] / all;
  for (int e = 0; e < l->num_experts; e++) {
    forecast[e] = 0;
    for (int k = 0; k < l->num_windows; k++)
      forecast[e] += l->load[k][e] * l->part[k];
  }
}

/* Smooths from the oldest window to the newest. Returns how far each window was from what the ones before it
 * foretold. */
static double smooth(const layer_t *l, double share, double *forecast) {
  int oldest = l->num_windows - 1;
  double error = 0;
  for (int e = 0; e < l->num_experts; e++)
    forecast[e] = l->load[oldest][e] * l->scale[oldest];
  for (int k = oldest - 1; k >= 0; k--)
    for (int e = 0; e < l->num_experts; e++) {
      double miss = l->load[k][e] * l->scale[k] - forecast[e];
      error += fabs(miss) * l->weight[k];
      forecast[e] += share * miss;
    }
  return error;
}

static void best_smoothed(layer_t *l, double *forecast) {
  int best = 0;
  double least = INFINITY;
  for (int i = 0; i < NUM_SMOOTHINGS; i++) {
    double error = smooth(l, smoothing[i], forecast);
    if (error < least) {
      least = error;
      best = i;
    }
  }
  smooth(l, smoothing[best], forecast);
  double left = 1;
  for (int k = 0; k < l->num_windows; k++) {
    double part = k + 1 < l->num_windows ? left * smoothing[best] : left;
    l->part[k] = part * l->scale[k];
    left -= part;
  }
}

/* Every window's variance is its load; parts of windows have it times their square. */
static double variance_of(const layer_t *l) {
  double variance = 0, load = 0;
  for (int k = 0; k < l->num_windows; k++)
    for (int e = 0; e < l->num_experts; e++) {
      double share = l->part[k] * l->load[k][e]; /* first, as the part's square may overflow */
      variance += l->part[k] * share;
      load += share;
    }
  return variance / load;
}

static double forecast_layer(eplb_forecast_t kind, layer_t *l, double *forecast) {
  memset(forecast, 0, (size_t)l->num_experts * sizeof *forecast);
  if (l->num_windows == 0)
    return 0;
  if (kind == EPLB_FORECAST_EWMA) {
    best_smoothed(l, forecast);
  } else if (kind == EPLB_FORECAST_MEAN) {
    mean_of(l, forecast);
  } else {
    memcpy(forecast, l->load[0], (size_t)l->num_experts * sizeof *forecast);
    return 1;
  }
  return variance_of(l);
}

eplb_status_t eplb_forecast_make(eplb_forecast_t kind, const eplb_windows_t *windows, double *forecast) {
  return eplb_forecast_with_variance(kind, windows, forecast, NULL);
}

eplb_status_t eplb_forecast_with_variance(eplb_forecast_t kind, const eplb_windows_t *windows, double *forecast,
                                          double *variance) {
  if ((unsigned)kind > EPLB_FORECAST_EWMA)
    return eplb_fail(EPLB_ERR_ARGUMENT, "forecast is %d; expected 0 to %d", (int)kind, EPLB_FORECAST_EWMA);
  eplb_status_t status = eplb_windows_check(windows);
  if (status)
    return status;
  const eplb_windows_t scaled = eplb_windows_scaled(windows);
  size_t experts = (size_t)windows->num_experts;
  for (size_t i = 0; i < (size_t)windows->num_layers; i++, forecast += experts) {
    layer_t l = {.num_experts = windows->num_experts};
    take_layer(&scaled, i * experts, &l);
    double one = forecast_layer(kind, &l, forecast);
    if (variance)
      variance[i] = one;
  }
  return EPLB_SUCCESS;
}
