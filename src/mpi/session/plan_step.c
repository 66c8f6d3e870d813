/* Plans on rank 0 and broadcasts: reduces the window, plans, and sends what changes; every other rank makes the same
 * maps of it. */
#include "mpi/session/plan_step.h"
#include "core/model/placement.h"
#include "core/transfer/changed_slots.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include <eplb/loads.h>
#include <math.h>
#include <string.h>

static double elapsed(double *since) {
  double now = MPI_Wtime(), seconds = now - *since;
  *since = now;
  return seconds;
}

/* Counts are added as doubles: exact up to 2^53 tokens, and no sum of ranks overflows. */
static void reduce_window(eplb_session_t *s) {
  int values = s->options.num_layers * s->options.num_experts;
  for (int i = 0; i < values; i++)
    s->counts[i] = (double)s->window[i];
  eplb_comm_ok(s->comm, MPI_Reduce(s->counts, s->load, values, MPI_DOUBLE, MPI_SUM, 0, s->comm->mpi),
               "reducing the counts");
}

/* The payback with the bytes of an expert, where the user has not said them: those of the heaviest layer, or one where
 * no tensor has any. */
static eplb_payback_t weigh_experts(const eplb_session_t *s, const eplb_payback_t *given) {
  eplb_payback_t payback = *given;
  if (given->expert_bytes > 0)
    return payback;
  payback.expert_bytes = 1;
  for (int l = 0; l < s->options.num_layers; l++)
    payback.expert_bytes = fmax(payback.expert_bytes, (double)s->layer[l].expert_bytes);
  return payback;
}

static int has_counts(const eplb_session_t *s, int layer) {
  int experts = s->options.num_experts;
  return !eplb_loads_idle_layers(1, experts, s->load + (size_t)layer * (size_t)experts);
}

/* Where the trigger says that it does not pay, `after` becomes what there is. */
static eplb_status_t ask_trigger(eplb_session_t *s, const eplb_windows_t *windows, eplb_placement_t *after,
                                 eplb_decision_t *decision) {
  const eplb_payback_t payback = weigh_experts(s, s->trigger.payback);
  eplb_trigger_t trigger = s->trigger;
  trigger.payback = &payback;
  const eplb_placement_change_t change = {.size = sizeof change,
                                          .topology = s->topology,
                                          .before = s->placement,
                                          .after = after,
                                          .windows = windows,
                                          .windows_since = s->windows_since + 1};
  eplb_status_t status = eplb_trigger_decide(&trigger, &change, decision);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers && !decision->rebalance; l++)
    eplb_placement_copy_layer(s->placement, after, l);
  return EPLB_SUCCESS;
}

static eplb_status_t plan_windows(const eplb_session_t *s, const eplb_windows_t *windows, eplb_placement_t **planned) {
  eplb_plan_options_t options = s->plan;
  eplb_payback_t payback;
  if (options.payback) {
    payback = weigh_experts(s, options.payback);
    options.payback = &payback;
  }
  return eplb_plan(&options, s->topology, windows, s->placement, planned);
}

/* On rank 0: the new mapping; where nothing was counted, the old one. */
static eplb_status_t plan_placement(eplb_session_t *s, eplb_placement_t *after, eplb_decision_t *decision) {
  eplb_placement_t *planned;
  eplb_windows_t windows = {.size = sizeof windows};
  int counted = 0;
  for (int l = 0; l < s->options.num_layers; l++)
    counted |= has_counts(s, l);
  if (!counted && s->options.trigger)
    strcpy(decision->reason, "stay: no tokens were counted");
  if (!counted)
    return eplb_migrate_fault(&s->migrate, EPLB_STEP_PLAN, NULL, 0);
  eplb_status_t status = eplb_history_with(s->history, s->load, &windows);
  if (!status)
    status = plan_windows(s, &windows, &planned);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers; l++)
    if (has_counts(s, l))
      eplb_placement_copy_layer(planned, after, l);
  eplb_placement_destroy(&planned);
  if (s->options.trigger)
    status = ask_trigger(s, &windows, after, decision);
  return status ? status : eplb_migrate_fault(&s->migrate, EPLB_STEP_PLAN, NULL, 0);
}

/* Where options cannot be resolved, rank 0 says why when it plans. */
static void name_planner(const eplb_session_t *s, eplb_report_t *report) {
  eplb_plan_options_t resolved;
  eplb_plan_options_init(&resolved);
  eplb_session_plan_options(s, &resolved);
  report->planner = resolved.planner;
  report->policy = resolved.policy;
}

/* What rank 0 says of its plan before it broadcasts the changes. */
typedef struct head {
  double balancedness_before, balancedness_after;
  uint64_t hash;  /* of the new maps */
  int64_t length; /* of the list of changes */
  int64_t layers_without_load;
} head_t;

/* On rank 0, of its plan; lists what changes. */
static head_t describe(const eplb_session_t *s, const eplb_placement_t *after, int32_t *changes) {
  size_t length = 0;
  for (int l = 0; l < after->num_layers; l++)
    length = eplb_changed_slots_add(s->placement, after, l, changes, length);
  return (head_t){.balancedness_before = eplb_balancedness_mean(s->topology, s->placement, s->load, NULL),
                  .balancedness_after = eplb_balancedness_mean(s->topology, after, s->load, NULL),
                  .hash = eplb_hash_placement(after),
                  .length = (int64_t)length,
                  .layers_without_load =
                      eplb_loads_idle_layers(s->options.num_layers, s->options.num_experts, s->load)};
}

/* Makes the new maps of the old ones on every rank but rank 0, which has them. */
static eplb_status_t take_changes(const eplb_session_t *s, eplb_placement_t *after, const int32_t *changes,
                                  const head_t *head) {
  if (s->rank == 0)
    return EPLB_SUCCESS;
  eplb_status_t status = eplb_changed_slots_take(changes, (size_t)head->length, after);
  if (!status && eplb_hash_placement(after) != head->hash)
    status = eplb_fail(EPLB_ERR_MISMATCH, "the new maps differ from those of rank 0");
  return status;
}

/* A list can be longer than an int counts. */
static eplb_status_t broadcast_changes(eplb_session_t *s, int32_t *changes, int64_t length) {
  enum { MOST = 1 << 30 };
  int is_known = 1;
  for (int64_t at = 0; at < length; at += MOST) {
    int count = length - at < MOST ? (int)(length - at) : MOST;
    is_known &= eplb_comm_ok(s->comm, MPI_Bcast(changes + at, count, MPI_INT32_T, 0, s->comm->mpi),
                             "broadcasting the changes of the placement");
  }
  return is_known ? EPLB_SUCCESS : eplb_comm_status(s->comm);
}

/* Plans on rank 0 and broadcasts its status. All ranks must know of a failure before they expect more messages. */
static eplb_status_t plan_on_first(eplb_session_t *s, eplb_placement_t *after, int32_t *changes, head_t *head,
                                   eplb_decision_t *decision) {
  eplb_status_t status = eplb_comm_status(s->comm);
  if (s->rank == 0 && !status)
    status = plan_placement(s, after, decision);
  if (s->rank == 0 && !status)
    *head = describe(s, after, changes);
  eplb_comm_ok(s->comm, MPI_Bcast(head, (int)sizeof *head, MPI_BYTE, 0, s->comm->mpi),
               "broadcasting how planning ended");
  return eplb_agree(s->comm, status);
}

eplb_status_t eplb_plan_step(eplb_session_t *s, eplb_placement_t *after, int32_t *changes, eplb_report_t *report) {
  double since = MPI_Wtime();
  head_t head = {0};
  name_planner(s, report);
  reduce_window(s);
  report->seconds_reduce = elapsed(&since);
  eplb_status_t status = plan_on_first(s, after, changes, &head, &report->decision);
  report->seconds_plan = elapsed(&since); /* on other ranks than 0: the wait for rank 0's status */
  if (status)
    return status;
  status = broadcast_changes(s, changes, head.length);
  if (!status)
    status = take_changes(s, after, changes, &head);
  if (!status)
    status = eplb_migrate_fault(&s->migrate, EPLB_STEP_BROADCAST, NULL, 0);
  report->balancedness_before = head.balancedness_before;
  report->balancedness_after = head.balancedness_after;
  report->layers_without_load = (int)head.layers_without_load;
  report->bytes_broadcast = (int64_t)sizeof head + head.length * (int64_t)sizeof *changes;
  report->seconds_broadcast = elapsed(&since);
  status = eplb_agree(s->comm, status);
  if (!status && s->options.log && *report->decision.reason)
    s->options.log(s->options.log_arg, report->decision.reason);
  return status;
}
