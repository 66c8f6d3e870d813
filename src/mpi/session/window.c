/* The window of token counts that this rank has recorded since the last rebalance. */
#include "core/util/count.h"
#include "mpi/session/session.h"
#include <string.h>

eplb_status_t eplb_session_record(eplb_session_t *session, int layer, const int64_t *count) {
  if (!session || !count)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", session ? "count" : "session");
  int experts = session->options.num_experts;
  if (layer < 0 || layer >= session->options.num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "counts of layer %d; expected 0 to %d", layer, session->options.num_layers - 1);
  int64_t *window = session->window + (size_t)layer * (size_t)experts;
  for (int e = 0; e < experts; e++) {
    if (count[e] < 0)
      return eplb_fail(EPLB_ERR_LOADS, "layer %d, expert %d: a count of %s; expected 0 or more", layer, e,
                       eplb_count(count[e], "token"));
    if (count[e] > INT64_MAX - window[e])
      return eplb_fail(EPLB_ERR_LOADS, "layer %d, expert %d: %s more than the %lld of this window reach 2^63", layer, e,
                       eplb_count(count[e], "token"), (long long)window[e]);
  }
  for (int e = 0; e < experts; e++)
    window[e] += count[e];
  return EPLB_SUCCESS;
}

eplb_status_t eplb_session_discard_window(eplb_session_t *session) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  size_t values = (size_t)session->options.num_layers * (size_t)session->options.num_experts;
  memset(session->window, 0, values * sizeof *session->window);
  return EPLB_SUCCESS;
}
