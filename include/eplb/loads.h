/* Expert loads: how many tokens each logical expert of each MoE layer got, window by window. */
#ifndef EPLB_LOADS_H
#define EPLB_LOADS_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A recording. Plain data: read it freely; arrays belong to it. */
typedef struct eplb_loads {
  int num_windows; /* >= 1; windows follow each other in time */
  int num_layers;  /* >= 1; MoE layers only */
  int num_experts; /* >= 1; logical experts of a layer */
  int *layer_id;   /* [num_layers]: the model's own number of each MoE layer */
  int incomplete;  /* 1: the file ended within a window, which was left out */
  double *load;    /* [num_windows][num_layers][num_experts], row-major, tokens (any unit: only ratios matter) */
} eplb_loads_t;

/* All sizes of a recording stay within this many values, so that no product of them overflows. */
#define EPLB_LOADS_MAX_VALUES (INT64_C(1) << 34)

/* Allocates a recording with all loads zero and layer_id = 0, 1, 2, ... Local.
 * The caller owns *loads and ends it with eplb_loads_destroy. EPLB_ERR_ARGUMENT: a size < 1 or too many values;
 * EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_loads_create(int num_windows, int num_layers, int num_experts, eplb_loads_t **loads);

/* Frees *loads and sets it NULL; NULL is fine. Local. */
EPLB_PUBLIC void eplb_loads_destroy(eplb_loads_t **loads);

/* One window, `[num_layers][num_experts]`, inside `loads`; window in [0, num_windows). Local. */
EPLB_PUBLIC const double *eplb_loads_window(const eplb_loads_t *loads, int window);

/* How many layers of load[num_layers][num_experts] have no load at all, as dense layers and idle ones. Local. */
EPLB_PUBLIC int eplb_loads_idle_layers(int num_layers, int num_experts, const double *load);

/* ---- Recent windows, and forecasts ---- */

/* So many windows can be heeded at once. */
enum { EPLB_HISTORY_MAX = 16 };

/* Recent windows, the newest first; nothing is owned. Start from eplb_windows_init. Windows may differ in their totals: each counts by its weight
 * alone, and a layer's window without any load does not count for that layer. */
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

/* One window, load[num_layers][num_experts]. Local; checks nothing. */
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

/* By how much a window counts less than the next newer one, unless somebody wishes otherwise. */
#define EPLB_HISTORY_DECAY .9

/* The last windows of a job: K windows of 8 bytes for each layer and expert, however long the job is. */
typedef struct eplb_history eplb_history_t;

/* Room for `num_windows` windows, 1 to EPLB_HISTORY_MAX; a window counts `decay` times as much as the next newer one,
 * in (0, 1]. Local. The caller owns *history. EPLB_ERR_ARGUMENT; EPLB_ERR_MEMORY. */
EPLB_PUBLIC eplb_status_t eplb_history_create(int num_layers, int num_experts, int num_windows, double decay,
                                              eplb_history_t **history);
EPLB_PUBLIC void eplb_history_destroy(eplb_history_t **history);

/* Takes up a window, load[num_layers][num_experts], in place of the oldest where there is no room. A window without any
 * load is left out. Local, O(values). EPLB_ERR_LOADS, EPLB_ERR_ARGUMENT: the history is as it was. */
EPLB_PUBLIC eplb_status_t eplb_history_add(eplb_history_t *history, const double *load);

/* How many windows it holds. Local. */
EPLB_PUBLIC int eplb_history_length(const eplb_history_t *history);

/* The windows that it holds; valid until the next eplb_history_add. Local. *windows, the caller's, must be prepared by
 * eplb_windows_init. EPLB_ERR_ARGUMENT; EPLB_ERR_STATE: none yet. */
EPLB_PUBLIC eplb_status_t eplb_history_windows(const eplb_history_t *history, eplb_windows_t *windows);

/* The windows that it would hold after eplb_history_add(history, load), without adding; `load` must stay, too. Local.
 * *windows as above. EPLB_ERR_ARGUMENT; EPLB_ERR_LOADS; EPLB_ERR_STATE: none has any load. */
EPLB_PUBLIC eplb_status_t eplb_history_with(const eplb_history_t *history, const double *load, eplb_windows_t *windows);

/* A single window in place of several, for planners that take but one. */
typedef enum eplb_forecast {
  EPLB_FORECAST_LAST, /* the newest window */
  EPLB_FORECAST_MEAN, /* the mean of all, by their weights */
  EPLB_FORECAST_EWMA  /* exponentially smoothed: how much, by what would have forecast a layer's windows best, each
                         from those before it */
} eplb_forecast_t;

#ifdef __cplusplus
}
#endif
#endif
