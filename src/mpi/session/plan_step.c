#include "mpi/session/plan_step.h"
#include "core/model/placement.h"
#include "mpi/comm/agree.h"
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

/* The payback with the bytes of an expert, where the user has not said them: those of the heaviest layer. */
static eplb_payback_t weigh_experts(const eplb_session_t *s, const eplb_payback_t *given) {
  eplb_payback_t payback = *given;
  for (int l = 0; l < s->options.num_layers && !(given->expert_bytes > 0); l++)
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
  const eplb_placement_change_t change = {s->topology, s->placement, after, windows, s->windows_since + 1};
  eplb_status_t status = eplb_trigger_decide(&trigger, &change, decision);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers && !decision->rebalance; l++)
    eplb_placement_copy_layer(s->placement, after, l);
  return EPLB_SUCCESS;
}

static eplb_status_t plan_windows(const eplb_session_t *s, const eplb_windows_t *windows, eplb_placement_t **planned) {
  eplb_plan_options_t options = s->options.plan;
  eplb_payback_t payback;
  if (options.payback) {
    payback = weigh_experts(s, options.payback);
    options.payback = &payback;
  }
  return eplb_plan(&options, s->topology, windows, s->placement, planned);
}

/* On rank 0: the new mapping; where nothing was counted, the old one. */
static eplb_status_t plan(eplb_session_t *s, eplb_placement_t *after, eplb_decision_t *decision) {
  eplb_placement_t *planned;
  eplb_windows_t windows;
  int counted = 0;
  for (int l = 0; l < s->options.num_layers; l++) {
    eplb_placement_copy_layer(s->placement, after, l);
    counted |= has_counts(s, l);
  }
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

eplb_status_t eplb_plan_step(eplb_session_t *s, eplb_placement_t *after, eplb_report_t *report) {
  double since = MPI_Wtime();
  name_planner(s, report);
  reduce_window(s);
  report->seconds_reduce = elapsed(&since);

  double head[4] = {EPLB_SUCCESS, 0, 0, 0}; /* status, balancedness before and after, layers without load */
  if (s->rank == 0) {
    eplb_status_t status = eplb_comm_status(s->comm);
    status = status ? status : plan(s, after, &report->decision);
    head[0] = status;
    if (!status) {
      head[1] = eplb_balancedness_mean(s->topology, s->placement, s->load, NULL);
      head[2] = eplb_balancedness_mean(s->topology, after, s->load, NULL);
      head[3] = eplb_loads_idle_layers(s->options.num_layers, s->options.num_experts, s->load);
    }
  }
  int is_known =
      eplb_comm_ok(s->comm, MPI_Bcast(head, 4, MPI_DOUBLE, 0, s->comm->mpi), "broadcasting how planning ended");
  report->seconds_plan = elapsed(&since); /* where it is not made, what broadcasting its end waits for */
  eplb_status_t status = is_known || s->rank == 0 ? (eplb_status_t)head[0] : EPLB_SUCCESS;
  if (status)
    return eplb_share_failure(s->comm, s->rank == 0 ? status : EPLB_SUCCESS, status);
  is_known = eplb_comm_ok(
      s->comm,
      MPI_Bcast(after->physical_to_logical, after->num_layers * after->num_slots, MPI_INT32_T, 0, s->comm->mpi),
      "broadcasting the placement");
  status = is_known ? eplb_placement_index(after) : eplb_comm_status(s->comm);
  if (!status)
    status = eplb_migrate_fault(&s->migrate, EPLB_STEP_BROADCAST, NULL, 0);
  report->balancedness_before = head[1];
  report->balancedness_after = head[2];
  report->layers_without_load = (int)head[3];
  report->seconds_broadcast = elapsed(&since);
  status = eplb_agree(s->comm, status);
  if (!status && s->options.log && *report->decision.reason)
    s->options.log(s->options.log_arg, report->decision.reason);
  return status;
}
