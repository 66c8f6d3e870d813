/* Keeps the most recent windows of a job in a ring; old windows lose weight by `decay`. */
#include "core/model/loads.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/sized.h"
#include <eplb/loads.h>
#include <string.h>

struct eplb_history {
  int num_layers, num_experts, num_windows;
  double decay;
  int length, newest; /* windows held; the place of the newest */
  double *load;       /* [num_windows][num_layers][num_experts], a ring */
};

static size_t values_per_window(const eplb_history_t *h) {
  return (size_t)h->num_layers * (size_t)h->num_experts;
}

eplb_status_t eplb_history_create(int num_layers, int num_experts, int num_windows, double decay,
                                  eplb_history_t **history) {
  if (num_layers < 1 || num_experts < 1 || (int64_t)num_layers * num_experts > EPLB_LOADS_MAX_VALUES)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a history of %s of %s; expected 1 to %s", eplb_count(num_layers, "layer"),
                     eplb_count(num_experts, "expert"), eplb_count(EPLB_LOADS_MAX_VALUES, "value"));
  if (num_windows < 1 || num_windows > EPLB_HISTORY_MAX)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a history of %s; expected 1 to %d", eplb_count(num_windows, "window"),
                     EPLB_HISTORY_MAX);
  if (!(decay > 0 && decay <= 1))
    return eplb_fail(EPLB_ERR_ARGUMENT, "the decay is %g; expected a number above 0, up to 1", decay);
  eplb_history_t *h = EPLB_NEW(eplb_history_t, 1);
  if (!h)
    return EPLB_ERR_MEMORY;
  *h = (eplb_history_t){
      .num_layers = num_layers, .num_experts = num_experts, .num_windows = num_windows, .decay = decay, .newest = -1};
  h->load = EPLB_NEW(double, values_per_window(h) * (size_t)num_windows);
  if (!h->load) {
    free(h);
    return EPLB_ERR_MEMORY;
  }
  *history = h;
  return EPLB_SUCCESS;
}

void eplb_history_destroy(eplb_history_t **history) {
  if (!history || !*history)
    return;
  free((*history)->load);
  free(*history);
  *history = NULL;
}

static int has_load(const eplb_history_t *h, const double *load) {
  return eplb_loads_idle_layers(h->num_layers, h->num_experts, load) < h->num_layers;
}

eplb_status_t eplb_history_add(eplb_history_t *h, const double *load) {
  if (!h)
    return eplb_fail(EPLB_ERR_ARGUMENT, "history is NULL");
  eplb_status_t status = eplb_loads_check(h->num_layers, h->num_experts, load);
  if (status || !has_load(h, load))
    return status;
  h->newest = (h->newest + 1) % h->num_windows;
  h->length += h->length < h->num_windows;
  memcpy(h->load + (size_t)h->newest * values_per_window(h), load, values_per_window(h) * sizeof *load);
  return EPLB_SUCCESS;
}

int eplb_history_length(const eplb_history_t *history) {
  return history->length;
}

/* The newest `length` of those held, from windows->load[first] on. */
static void list(const eplb_history_t *h, int length, int first, eplb_windows_t *windows) {
  windows->num_windows = first + length;
  windows->num_layers = h->num_layers;
  windows->num_experts = h->num_experts;
  for (int k = 0; k < length; k++)
    windows->load[first + k] =
        h->load + (size_t)((h->newest - k + h->num_windows) % h->num_windows) * values_per_window(h);
  for (int k = 0; k < windows->num_windows; k++)
    windows->weight[k] = k > 0 ? windows->weight[k - 1] * h->decay : 1;
}

eplb_status_t eplb_history_windows(const eplb_history_t *h, eplb_windows_t *windows) {
  if (!h || h->length == 0)
    return eplb_fail(EPLB_ERR_STATE, "the history has no window yet; expected eplb_history_add first");
  eplb_status_t status = eplb_sized_check("windows", sizeof *windows, windows);
  if (status)
    return status;
  eplb_windows_t own;
  eplb_windows_init(&own);
  list(h, h->length, 0, &own);
  eplb_sized_give(&own, windows);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_history_with(const eplb_history_t *h, const double *load, eplb_windows_t *windows) {
  if (!h || !load)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", h ? "load" : "history");
  eplb_status_t status = eplb_loads_check(h->num_layers, h->num_experts, load);
  if (status)
    return status;
  int has = has_load(h, load), room = h->num_windows - has;
  if (!has && h->length == 0)
    return eplb_fail(EPLB_ERR_STATE, "the history has no window yet; expected one with any load");
  status = eplb_sized_check("windows", sizeof *windows, windows);
  if (status)
    return status;
  eplb_windows_t own = eplb_windows_single(h->num_layers, h->num_experts, load);
  list(h, h->length < room ? h->length : room, has, &own);
  eplb_sized_give(&own, windows);
  return EPLB_SUCCESS;
}
