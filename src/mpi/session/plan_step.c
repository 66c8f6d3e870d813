/* Plans on rank 0 and broadcasts: reduces the window, plans, and sends what changes; every other rank makes the same
 * maps of it. */
#include "mpi/session/plan_step.h"
#include "core/model/loads.h"
#include "core/model/placement.h"
#include "core/model/remaining.h"
#include "core/transfer/changed_slots.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/session/planning_ranks.h"
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
  int code = s->num_planning > 1 ? MPI_Allreduce(s->counts, s->load, values, MPI_DOUBLE, MPI_SUM, s->comm->mpi)
                                 : MPI_Reduce(s->counts, s->load, values, MPI_DOUBLE, MPI_SUM, 0, s->comm->mpi);
  eplb_comm_ok(s->comm, code, "reducing the counts");
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

/* What there is to plan from; the other members are what `step` points to. */
typedef struct planning {
  eplb_planning_step_t step;
  eplb_plan_options_t options;
  eplb_trigger_t trigger;
  eplb_payback_t payback, trigger_payback;
  eplb_placement_t *rest_before; /* where ranks leave: the placement to plan from, on the others; else NULL */
  eplb_status_t prepared;
} planning_t;

/* Where ranks leave, their experts are given slots on the others first. Planning then goes on from there. */
static eplb_status_t prepare_rest(const eplb_session_t *s, planning_t *p) {
  eplb_placement_t *drained = NULL;
  eplb_status_t status = eplb_placement_drain(s->topology, s->placement, s->leaving, &drained);
  if (!status)
    status = eplb_remaining_placement(s->topology, s->leaving, drained, &p->rest_before);
  eplb_placement_destroy(&drained);
  p->step.topology = s->rest;
  p->step.current = p->rest_before;
  return status;
}

static void prepare_step(const eplb_session_t *s, planning_t *p) {
  p->rest_before = NULL;
  p->options = s->plan;
  p->step = (eplb_planning_step_t){.options = &p->options,
                                   .topology = s->topology,
                                   .history = s->history,
                                   .load = s->load,
                                   .current = s->placement,
                                   .windows_since = s->windows_since + 1};
  if (p->options.payback) {
    p->payback = weigh_experts(s, p->options.payback);
    p->options.payback = &p->payback;
  }
  if (s->options.trigger) {
    p->trigger = s->trigger;
    p->trigger_payback = weigh_experts(s, s->trigger.payback);
    p->trigger.payback = &p->trigger_payback;
    p->step.trigger = &p->trigger;
  }
  p->prepared = s->rest ? prepare_rest(s, p) : EPLB_SUCCESS;
}

static eplb_status_t plan_some_layers(const eplb_session_t *s, const planning_t *p, eplb_layers_t layers,
                                      eplb_placement_t *after) {
  if (!s->rest)
    return eplb_planning_step_plan(&p->step, layers, after);
  eplb_placement_t *planned = NULL;
  eplb_status_t status = eplb_placement_copy(p->rest_before, &planned);
  if (!status)
    status = eplb_planning_step_plan(&p->step, layers, planned);
  for (int l = layers.first; l < layers.first + layers.count && !status; l++)
    status = eplb_remaining_expand_layer(s->topology, s->leaving, planned, l, after);
  eplb_placement_destroy(&planned);
  return status;
}

/* Ranks that leave are drained, whether or not more pays. */
static eplb_status_t decide_on_change(const eplb_session_t *s, const planning_t *p, eplb_placement_t *after,
                                      eplb_decision_t *decision) {
  if (!s->rest)
    return eplb_planning_step_decide(&p->step, after, decision);
  eplb_placement_t *planned = NULL;
  eplb_status_t status = eplb_remaining_placement(s->topology, s->leaving, after, &planned);
  if (!status)
    status = eplb_planning_step_decide(&p->step, planned, decision);
  for (int l = 0; l < s->options.num_layers && !status; l++)
    status = eplb_remaining_expand_layer(s->topology, s->leaving, planned, l, after);
  eplb_placement_destroy(&planned);
  return status;
}

static eplb_status_t plan_own_layers(const eplb_session_t *s, const planning_t *p, eplb_placement_t *after) {
  const eplb_layers_t own = eplb_planning_ranks_layers(s);
  eplb_status_t status = eplb_comm_status(s->comm);
  if (status || !own.count)
    return status;
  status = plan_some_layers(s, p, own, after);
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

static double speed_of_all(const eplb_topology_t *topology) {
  double speed = 0;
  for (int d = 0; d < topology->num_devices; d++)
    speed += topology->speed[d];
  return speed;
}

/* Of the ranks that remain, once the others hold nothing: these do not count as idle. */
static double mean_balancedness(const eplb_session_t *s, const eplb_placement_t *placement) {
  double mean = eplb_balancedness_mean(s->topology, placement, s->load, NULL);
  if (!s->rest || !eplb_remaining_hold_all(s->topology, s->leaving, placement))
    return mean;
  return fmin(1, mean * speed_of_all(s->topology) / speed_of_all(s->rest));
}

/* On rank 0, of its plan; lists what changes. */
static head_t describe(const eplb_session_t *s, const eplb_placement_t *after, int32_t *changes) {
  size_t length = 0;
  for (int l = 0; l < after->num_layers; l++)
    length = eplb_changed_slots_add(s->placement, after, l, changes, length);
  return (head_t){.balancedness_before = mean_balancedness(s, s->placement),
                  .balancedness_after = mean_balancedness(s, after),
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

static eplb_status_t broadcast_changes(eplb_session_t *s, int32_t *changes, int64_t length) {
  int is_known = eplb_comm_ok(s->comm, MPI_Bcast(changes, (int)length, MPI_INT32_T, 0, s->comm->mpi),
                              "broadcasting the changes of the placement");
  return is_known ? EPLB_SUCCESS : eplb_comm_status(s->comm);
}

/* Plans, decides on rank 0, and tells all ranks how that ended. All learn of a failure before they count on more
 * messages. */
static eplb_status_t plan_and_tell(eplb_session_t *s, const planning_t *p, eplb_placement_t *after, int32_t *changes,
                                   head_t *head, eplb_decision_t *decision) {
  eplb_status_t status = p->prepared ? p->prepared : plan_own_layers(s, p, after);
  if (s->num_planning > 1) {
    status = eplb_planning_ranks_agree(s, status, after, changes);
    if (status)
      return status;
    status = eplb_planning_ranks_gather(s, after, changes);
  }
  if (s->rank == 0 && !status)
    status = decide_on_change(s, p, after, decision);
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
  planning_t planning;
  prepare_step(s, &planning);
  eplb_status_t status = plan_and_tell(s, &planning, after, changes, &head, &report->decision);
  eplb_placement_destroy(&planning.rest_before);
  report->seconds_plan = elapsed(&since); /* where it is not made, what the news of it is waited for */
  if (status)
    return status;
  if (head.length)
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
