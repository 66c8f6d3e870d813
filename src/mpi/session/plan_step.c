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

/* What an expert weighs, for the payback where the user has not said: that of the heaviest layer. */
static void weigh_experts(eplb_session_t *s) {
  for (int l = 0; l < s->options.num_layers && s->options.plan.payback && !s->expert_bytes_given; l++)
    s->payback.expert_bytes = fmax(s->payback.expert_bytes, (double)s->layer[l].expert_bytes);
}

static int has_counts(const eplb_session_t *s, int layer) {
  int experts = s->options.num_experts;
  return !eplb_loads_idle_layers(1, experts, s->load + (size_t)layer * (size_t)experts);
}

/* Where the trigger says that it does not pay, `after` becomes what there is. */
static eplb_status_t ask_trigger(eplb_session_t *s, const eplb_windows_t *windows, eplb_placement_t *after,
                                 eplb_decision_t *decision) {
  eplb_status_t status = eplb_trigger_decide(s->options.trigger, s->options.plan.payback, s->topology, s->placement,
                                             after, windows, s->windows_since + 1, decision);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers && !decision->rebalance; l++)
    eplb_placement_copy_layer(s->placement, after, l);
  return EPLB_SUCCESS;
}

/* What the user has left open is for the next window, which the last ones tell better than the last one; but groups
 * that stay together and moves that must pay are known to the default planner only. */
eplb_plan_options_t eplb_session_plan_options(const eplb_session_t *s) {
  eplb_plan_options_t plan = s->options.plan;
  int keeps_groups = eplb_plan_policy(&plan, s->topology) == EPLB_POLICY_HIERARCHICAL && plan.num_groups > 1 &&
                     eplb_topology_num_nodes(s->topology) > 1;
  if (plan.planner == EPLB_PLANNER_DEFAULT && !plan.payback && !keeps_groups) {
    plan.planner = EPLB_PLANNER_SCENARIO;
    plan.policy = EPLB_POLICY_GLOBAL;
  }
  return plan;
}

/* On rank 0: the new mapping; where nothing was counted, the old one. */
static eplb_status_t plan(eplb_session_t *s, eplb_placement_t *after, eplb_decision_t *decision) {
  eplb_placement_t *planned;
  eplb_windows_t windows;
  int counted = 0;
  weigh_experts(s);
  for (int l = 0; l < s->options.num_layers; l++) {
    eplb_placement_copy_layer(s->placement, after, l);
    counted |= has_counts(s, l);
  }
  if (!counted && s->options.trigger)
    strcpy(decision->reason, "stay: no tokens were counted");
  if (!counted)
    return eplb_session_fault(s, EPLB_STEP_PLAN, NULL, 0);
  eplb_status_t status = eplb_history_with(s->history, s->load, &windows);
  const eplb_plan_options_t options = eplb_session_plan_options(s);
  if (!status)
    status = eplb_replan_windows(&options, s->topology, s->placement, &windows, &planned);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers; l++)
    if (has_counts(s, l))
      eplb_placement_copy_layer(planned, after, l);
  eplb_placement_destroy(&planned);
  if (s->options.trigger)
    status = ask_trigger(s, &windows, after, decision);
  return status ? status : eplb_session_fault(s, EPLB_STEP_PLAN, NULL, 0);
}

eplb_status_t eplb_plan_step(eplb_session_t *s, eplb_placement_t *after, eplb_report_t *report) {
  double since = MPI_Wtime();
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
  int told = eplb_comm_ok(s->comm, MPI_Bcast(head, 4, MPI_DOUBLE, 0, s->comm->mpi), "broadcasting how planning ended");
  report->seconds_plan = elapsed(&since); /* where it is not made, what broadcasting its end waits for */
  eplb_status_t status = told || s->rank == 0 ? (eplb_status_t)head[0] : EPLB_SUCCESS;
  if (status)
    return eplb_share_failure(s->comm, s->rank == 0 ? status : EPLB_SUCCESS, status);
  told = eplb_comm_ok(
      s->comm,
      MPI_Bcast(after->physical_to_logical, after->num_layers * after->num_slots, MPI_INT32_T, 0, s->comm->mpi),
      "broadcasting the placement");
  status = told ? eplb_placement_index(after) : eplb_comm_status(s->comm);
  if (!status)
    status = eplb_session_fault(s, EPLB_STEP_BROADCAST, NULL, 0);
  const eplb_plan_options_t options = eplb_session_plan_options(s);
  report->planner = options.planner;
  report->policy = eplb_plan_policy(&options, s->topology);
  report->balancedness_before = head[1];
  report->balancedness_after = head[2];
  report->layers_without_load = (int)head[3];
  report->seconds_broadcast = elapsed(&since);
  status = eplb_agree(s->comm, status);
  if (!status && s->options.log && *report->decision.reason)
    s->options.log(s->options.log_arg, report->decision.reason);
  return status;
}
