/* How a rebalance begins and ends: begin decides and derives, end gives everything back. advance.c moves weights,
 * commit.c puts layers in place. */
#include "core/model/placement.h"
#include "core/transfer/changed_slots.h"
#include "core/util/alloc.h"
#include "core/util/sized.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/session/in_step.h"
#include "mpi/session/plan_step.h"
#include <stdio.h>
#include <string.h>

static void release_rebalancing(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (!r)
    return;
  eplb_migration_free(&r->migration);
  eplb_migration_plan_free(&r->plan);
  eplb_placement_destroy(&r->after);
  free(r->changes);
  eplb_ballot_free(&r->ballot);
  free(r->again);
  free(r);
  s->rebalancing = NULL;
}

/* ---- begin ---- */

static eplb_status_t open_rebalance(eplb_session_t *s) {
  if (s->rebalancing)
    return eplb_fail(EPLB_ERR_STATE, "a rebalance is open already; call eplb_rebalance_end first");
  eplb_status_t status = eplb_session_check_not_reducing(s);
  if (status)
    return status;
  for (int l = 0; l < s->options.num_layers; l++) {
    if (!s->layer[l].num_tensors)
      return eplb_fail(EPLB_ERR_STATE, "layer %d has no registered tensor; expected those of every layer", l);
    status = eplb_tensors_find_pools(&s->layer[l], l, s->migrate.pool, s->num_pools);
    if (status)
      return status;
  }
  status = eplb_session_check_mapped(s);
  if (status)
    return status;
  eplb_rebalancing_t *r = EPLB_NEW(eplb_rebalancing_t, 1);
  if (!r)
    return EPLB_ERR_MEMORY;
  s->rebalancing = r;
  r->again = EPLB_NEW(unsigned char, s->options.num_layers);
  if (eplb_ballot_prepare(&r->ballot) || !r->again)
    return EPLB_ERR_MEMORY;
  r->changes = EPLB_NEW(int32_t, eplb_changed_slots_room(s->placement));
  status = r->changes ? eplb_placement_copy(s->placement, &r->after) : EPLB_ERR_MEMORY;
  return status ? status : eplb_migrate_fault(&s->migrate, EPLB_STEP_REDUCE, NULL, 0);
}

/* Says in which layer ranks registered different tensors; if in none, their maps differ. Collective; ends with the same
 * sentence on every rank. */
static eplb_status_t name_unlike_layer(eplb_session_t *s) {
  for (int l = 0; l < s->options.num_layers; l++) {
    char bytes[64], names[96];
    snprintf(bytes, sizeof bytes, "numbers of bytes per expert in layer %d", l);
    snprintf(names, sizeof names, "names, sizes, order or spares of tensors in layer %d", l);
    const eplb_compared_t both[] = {{bytes, (int64_t)s->layer[l].expert_bytes, 0},
                                    {names, eplb_tensors_signature(&s->layer[l], s->migrate.pool), 1}};
    eplb_status_t status = eplb_agree_on(s->comm, EPLB_SUCCESS, both, 2);
    if (status)
      return status;
  }
  return eplb_fail(EPLB_ERR_MISMATCH, "ranks have different maps of the experts; expected the same on every rank");
}

/* Ranks agree to go on, and that they have the same maps and registered the same tensors. */
static eplb_status_t agree_to_begin(eplb_session_t *s, eplb_status_t mine) {
  uint64_t tag = mine ? 0 : eplb_hash_placement(s->placement);
  for (int l = 0; l < s->options.num_layers && !mine; l++)
    tag = eplb_mix(tag, (uint64_t)eplb_tensors_signature(&s->layer[l], s->migrate.pool));
  eplb_status_t status = eplb_in_step(s, EPLB_CALL_BEGIN, mine, tag, 0);
  return status || eplb_ballot_same_tag(&s->ballot) ? status : name_unlike_layer(s);
}

static int verifies(const eplb_session_t *s) {
  return s->options.verify == EPLB_VERIFY_ALWAYS || (s->options.verify == EPLB_VERIFY_FIRST && !s->has_verified);
}

/* Local: this rank's part, and the memory to move it. */
static eplb_status_t derive(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  s->migrate.verify = verifies(s);
  eplb_status_t status = eplb_migration_plan_derive(&s->migrate, s->placement, r->after, &r->plan);
  if (!status)
    status = eplb_migrate_fault(&s->migrate, EPLB_STEP_DERIVE, NULL, 0);
  if (!status)
    status = eplb_migration_init(&r->migration, &s->migrate, &r->plan, s->rebalances);
  if (!status)
    status = eplb_watch_begin(&r->migration.watch);
  return status ? status : eplb_migrate_fault(&s->migrate, EPLB_STEP_STAGE, NULL, 0);
}

void eplb_rebalancing_start_round(eplb_rebalancing_t *r, int round) {
  r->round = round;
  r->phase = round < r->plan.num_rounds ? EPLB_PHASE_MOVING : EPLB_PHASE_DONE;
  if (r->phase == EPLB_PHASE_MOVING)
    eplb_migration_start(&r->migration, round);
}

static void start_report(eplb_rebalancing_t *r) {
  r->report.layers_planned = r->plan.num_layers;
  r->report.commits_planned = r->plan.num_units;
  r->report.busiest_sender = r->plan.busiest_sender;
  r->report.busiest_receiver = r->plan.busiest_receiver;
  r->report.staging_limit = r->plan.staging_limit;
  r->report.staging_peak = r->plan.staging_peak;
  r->began = MPI_Wtime();
}

/* Where to put a report, if any, of this version or an older one. Local. */
static eplb_status_t check_report(const eplb_report_t *report) {
  return report ? eplb_sized_check("report", sizeof *report, report) : EPLB_SUCCESS;
}

/* `mine`: what this rank has found wrong already. Collective. */
static eplb_status_t begin_rebalance(eplb_session_t *s, eplb_status_t mine) {
  int was_open = s->rebalancing != NULL;
  eplb_status_t status = agree_to_begin(s, mine ? mine : open_rebalance(s));
  eplb_rebalancing_t *r = s->rebalancing;
  if (!status)
    status = eplb_plan_step(s, r->after, r->changes, &r->report);
  if (!status) {
    double since = MPI_Wtime();
    status = eplb_agree(s->comm, derive(s));
    r->report.seconds_derive = MPI_Wtime() - since;
  }
  if (status) {
    if (!was_open)
      release_rebalancing(s);
    if (status == EPLB_ERR_LOADS) /* the same counts would fail for ever */
      eplb_session_discard_window(s);
    return status;
  }
  if (s->history)
    eplb_history_add(s->history, s->load); /* which planning has found good */
  s->windows_since = r->plan.num_layers > 0 ? 0 : s->windows_since + 1;
  eplb_session_discard_window(s);
  s->rebalances++;
  start_report(r);
  eplb_rebalancing_start_round(r, 0);
  r->report.seconds_migrate = MPI_Wtime() - r->began;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rebalance_begin(eplb_session_t *session) {
  return session ? begin_rebalance(session, EPLB_SUCCESS) : eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
}

/* ---- end ---- */

static void finish_report(eplb_rebalancing_t *r, int verify) {
  eplb_report_t *report = &r->report;
  for (int link = 0; link < EPLB_NUM_LINKS; link++)
    report->messages[link] = r->migration.report.messages[link];
  report->seconds_verify = r->migration.seconds_verify;
  report->seconds_open = MPI_Wtime() - r->began;
  report->verified = verify && report->commits_done == report->commits_planned;
}

/* After a failure nothing is sent any more. */
static int ends_alone(const eplb_session_t *s) {
  return s->rebalancing->phase == EPLB_PHASE_FAILED || eplb_comm_is_broken(s->comm);
}

static eplb_status_t agree_to_end(eplb_session_t *s, eplb_status_t mine) {
  return ends_alone(s) ? mine : eplb_in_step(s, EPLB_CALL_END, mine, eplb_hash_placement(s->placement), 0);
}

/* Until no rank needs this one any more: others count on the messages of the round, and may read weights of this
 * rank. */
static eplb_status_t leave(eplb_session_t *s, eplb_status_t status) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (status || ends_alone(s))
    return status;
  if (r->phase == EPLB_PHASE_MOVING)
    status = eplb_rebalancing_wait_for_all(s);
  if (!status && r->phase == EPLB_PHASE_MOVING && eplb_ballot_mpi_failed(&r->ballot))
    status = eplb_rebalancing_share_failed_vote(s);
  if (!status && !eplb_ballot_same_tag(&s->ballot))
    status = eplb_fail(EPLB_ERR_MISMATCH, "ranks have different maps of the experts; expected the same on every rank");
  return status;
}

eplb_status_t eplb_rebalance_end(eplb_session_t *session, eplb_report_t *report) {
  eplb_status_t status = eplb_rebalancing_check_open(session);
  if (status)
    return status;
  eplb_rebalancing_t *r = session->rebalancing;
  double since = MPI_Wtime();
  status = agree_to_end(session, check_report(report));
  if (status == EPLB_ERR_ARGUMENT) /* only of the report */
    return status;
  status = leave(session, status);
  eplb_rebalancing_empty_direct_slots(session);
  r->report.seconds_migrate += MPI_Wtime() - since;
  finish_report(r, session->migrate.verify);
  if (r->report.verified && r->report.slots_changed)
    session->has_verified = 1;
  if (report)
    eplb_sized_give(&r->report, report);
  release_rebalancing(session);
  return status;
}

eplb_status_t eplb_rebalance(eplb_session_t *session, eplb_report_t *report) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_status_t status = begin_rebalance(session, check_report(report));
  if (status)
    return status;
  status = eplb_rebalance_finish_layer(session, session->options.num_layers - 1);
  eplb_report_t result;
  eplb_report_init(&result);
  eplb_status_t ended = eplb_rebalance_end(session, &result);
  status = status ? status : ended;
  if (!status && report)
    eplb_sized_give(&result, report);
  return status;
}
