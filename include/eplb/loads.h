/* Expert loads: the number of tokens of each logical expert of each MoE layer, window by window. */
#ifndef EPLB_LOADS_H
#define EPLB_LOADS_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A recording. Plain data that may be read; the recording owns its arrays. */
typedef struct eplb_loads {
  int num_windows; /* >= 1; windows follow each other in time */
  int num_layers;  /* >= 1; MoE layers only */
  int num_experts; /* >= 1; logical experts of a layer */
  int *layer_id;   /* [num_layers]: the model's own number of each MoE layer */
  int incomplete;  /* 1: the file ended within a window; that window was left out */
  double *load;    /* [num_windows][num_layers][num_experts], row-major, tokens (any unit: only ratios matter) */
} eplb_loads_t;

/* The most values of a recording, so that products of its sizes do not overflow. */
#define EPLB_LOADS_MAX_VALUES (INT64_C(1) << 34)

/* Allocates a recording with all loads zero and layer_id = 0, 1, 2, ... Local. The caller owns *loads and must free it
 * with eplb_loads_destroy. EPLB_ERR_ARGUMENT: a size < 1 or too many values; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_create(int num_windows, int num_layers, int num_experts, eplb_loads_t **loads);

/* Frees *loads and sets it to NULL; it may be NULL. Local. */
EPLB_PUBLIC void eplb_loads_destroy(eplb_loads_t **loads);

/* Returns one window, [num_layers][num_experts], inside `loads`. `window` must be in [0, num_windows). Local. */
static inline const double *eplb_loads_window(const eplb_loads_t *loads, int window) {
  return loads->load + (size_t)window * (size_t)loads->num_layers * (size_t)loads->num_experts;
}

/* ---- Recent windows, and forecasts ---- */

/* The most windows that planners use at once. */
enum { EPLB_HISTORY_MAX = 16 };

/* Recent windows, the newest first. It owns nothing. Start from eplb_windows_init. Windows may have different totals:
 * only its weight decides how much a window counts. A window without load in a layer does not count for that layer. */
typedef struct eplb_windows {
  size_t size;                          /* sizeof(eplb_windows_t) */
  int num_windows;                      /* 1 to EPLB_HISTORY_MAX */
  int num_layers, num_experts;          /* of each window */
  const double *load[EPLB_HISTORY_MAX]; /* each [num_layers][num_experts], finite, >= 0 and < 2^63 */
  double weight[EPLB_HISTORY_MAX];      /* > 0 and finite; only ratios matter */
} eplb_windows_t;

/* Sets the size, and all else to 0. */
static inline void eplb_windows_init(eplb_windows_t *windows) {
  memset(windows, 0, sizeof *windows);
  windows->size = sizeof *windows;
}

/* Returns a struct of one window, load[num_layers][num_experts]. Local; checks nothing. */
static inline eplb_windows_t eplb_windows_single(int num_layers, int num_experts, const double *load) {
  eplb_windows_t windows;
  eplb_windows_init(&windows);
  windows.num_windows = 1;
  windows.num_layers = num_layers;
  windows.num_experts = num_experts;
  windows.load[0] = load;
  windows.weight[0] = 1;
  return windows;
}

/* The default weight of a window relative to the next newer one. */
#define EPLB_HISTORY_DECAY .9

/* The last windows of a job. Memory: 8 bytes for each window, layer and expert, however long the job runs. */
typedef struct eplb_history eplb_history_t;

/* Creates a history of up to `num_windows` windows, 1 to EPLB_HISTORY_MAX. A window has `decay` times the weight of the
 * next newer one; decay must be in (0, 1]. Local. The caller owns *history. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_history_create(int num_layers, int num_experts, int num_windows, double decay,
                                              eplb_history_t **history);
EPLB_PUBLIC void eplb_history_destroy(eplb_history_t **history);

/* Adds a window, load[num_layers][num_experts], and drops the oldest if the history is full. A window without any load
 * is not added. Local, O(values). EPLB_ERR_LOADS, EPLB_ERR_ARGUMENT: the history is unchanged. */
EPLB_PUBLIC eplb_status_t eplb_history_add(eplb_history_t *history, const double *load);

/* Returns the number of windows held. Local. */
EPLB_PUBLIC int eplb_history_length(const eplb_history_t *history);

/* Lists the windows held, valid until the next eplb_history_add. Local. The caller must prepare *windows with
 * eplb_windows_init. EPLB_ERR_ARGUMENT; EPLB_ERR_STATE: no window has been added. */
EPLB_PUBLIC eplb_status_t eplb_history_windows(const eplb_history_t *history, eplb_windows_t *windows);

/* Lists the windows that the history would hold after eplb_history_add(history, load), without adding. `load` must stay
 * valid as long as *windows is used. Local. *windows as above. EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS; EPLB_ERR_STATE: no
 * window has load. */
EPLB_PUBLIC eplb_status_t eplb_history_with(const eplb_history_t *history, const double *load, eplb_windows_t *windows);

/* How planners that use a single load derive it from several windows. */
typedef enum eplb_forecast {
  EPLB_FORECAST_LAST, /* the newest window */
  EPLB_FORECAST_MEAN, /* the mean of all, by their weights */
  EPLB_FORECAST_EWMA  /* exponential smoothing, with the rate that would have predicted each of the layer's windows
                         best from the earlier ones */
} eplb_forecast_t;

#ifdef __cplusplus
}
#endif
#endif
