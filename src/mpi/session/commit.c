/* Commits layers: eplb_rebalance_commit and _finish_layer; and eplb_rebalance_changed, for layers that the job has
 * written. */
#include "core/model/placement.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/migrate/failure.h"
#include "mpi/session/in_step.h"

/* ---- what ranks find out together before they commit ---- */

static eplb_status_t count_votes(eplb_session_t *s, int end, eplb_status_t mine, uint64_t balance) {
  eplb_rebalancing_t *r = s->rebalancing;
  uint64_t tag = eplb_mix((uint64_t)r->next_unit << 32 | (uint64_t)end, 0);
  eplb_status_t status = eplb_in_step(s, EPLB_CALL_COMMIT, mine, tag, balance);
  if (status)
    return status;
  if (!eplb_ballot_same_tag(&s->ballot))
    return eplb_fail(EPLB_ERR_MISMATCH,
                     "ranks finish different layers; expected the same calls in the same order on every rank");
  return s->ballot.all.balance ? eplb_agree(s->comm, eplb_watch_find_different(&r->migration.watch, r->next_unit, end))
                               : EPLB_SUCCESS;
}

/* Whether all ranks go on with commit units [next_unit, end). A failure ends the rebalance, except a wrong argument. */
static eplb_status_t vote(eplb_session_t *s, int end, eplb_status_t mine, uint64_t balance) {
  eplb_status_t status = count_votes(s, end, mine, balance);
  if (status && status != EPLB_ERR_ARGUMENT)
    eplb_rebalancing_fail(s);
  return status;
}

/* Agrees on commit units [next_unit, end) of the round: nothing was written of what they read, and they arrived as they
 * were sent. Collective. */
static eplb_status_t check_units(eplb_session_t *s, int end) {
  eplb_rebalancing_t *r = s->rebalancing;
  uint64_t balance = 0;
  eplb_status_t mine = eplb_watch_check(&r->migration.watch, r->next_unit, end, &balance);
  return vote(s, end, mine, balance);
}

/* ---- commit ---- */

static void write_map(eplb_session_t *s, const eplb_commit_unit_t *unit) {
  int32_t *row = eplb_placement_row(s->placement, unit->layer);
  const eplb_change_t *change = s->rebalancing->plan.change;
  for (int c = unit->change_begin; c < unit->change_end; c++)
    row[change[c].slot] = change[c].expert;
  eplb_session_index_layer(s, unit->layer);
}

static void count_unit(const eplb_session_t *s, eplb_report_t *report, const eplb_commit_unit_t *unit) {
  report->commits_done++;
  report->layers_committed += unit->is_last;
  for (int link = 0; link < EPLB_NUM_LINKS; link++) {
    report->transfers[link] += unit->transfers[link];
    report->bytes[link] += unit->transfers[link] * (int64_t)s->layer[unit->layer].expert_bytes;
    report->slots_changed += unit->transfers[link];
  }
}

/* Commits the next commit unit. Local. */
static void commit_next(eplb_session_t *s, eplb_failure_t *copies) {
  eplb_rebalancing_t *r = s->rebalancing;
  const eplb_commit_unit_t *unit = &r->plan.unit[r->next_unit];
  eplb_failure_keep(copies, eplb_migration_commit(&r->migration, r->next_unit));
  eplb_failure_keep(copies, eplb_watch_after_commit(&r->migration.watch, r->next_unit));
  write_map(s, unit);
  count_unit(s, &r->report, unit);
  r->next_unit++;
}

/* Ranks agree on copies of devices, which may fail; the processor's cannot. Collective. */
static eplb_status_t agree_on_copies(eplb_session_t *s, const eplb_failure_t *copies) {
  if (s->memory->host_can_touch)
    return EPLB_SUCCESS;
  if (copies->status)
    eplb_fail(copies->status, "%s", copies->sentence);
  return eplb_agree(s->comm, copies->status);
}

/* Commits commit units [next_unit, end) of the round, which all ranks have agreed on. Collective; fails only if a
 * device's copy fails, and then ends the rebalance. */
static eplb_status_t commit_units(eplb_session_t *s, int end) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_failure_t copies = {0};
  while (r->next_unit < end)
    commit_next(s, &copies);
  eplb_status_t status = agree_on_copies(s, &copies);
  if (status)
    eplb_rebalancing_fail(s);
  else if (end == r->plan.round[r->round].unit_end)
    eplb_rebalancing_start_round(r, r->round + 1);
  return status;
}

static eplb_status_t check_layer_number(const eplb_session_t *s, int layer) {
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  if (layer < 0 || layer >= s->options.num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer is %d; expected 0 to %d", layer, s->options.num_layers - 1);
  return EPLB_SUCCESS;
}

/* Whether the layer is the one that test and wait have returned. A rank that passes another layer takes part in the
 * vote. */
static eplb_status_t check_next(eplb_session_t *s, int layer) {
  eplb_rebalancing_t *r = s->rebalancing;
  int expected = r->plan.unit[r->next_unit].layer;
  if (expected == layer)
    return check_units(s, r->next_unit + 1);
  return vote(s, r->next_unit + 1,
              eplb_fail(EPLB_ERR_ARGUMENT, "layer %d cannot be committed; expected %d, as test or wait named it", layer,
                        expected),
              0);
}

eplb_status_t eplb_rebalance_commit(eplb_session_t *session, int layer) {
  eplb_status_t status = eplb_rebalancing_check_open(session);
  if (status)
    return status;
  eplb_rebalancing_t *r = session->rebalancing;
  if (r->phase != EPLB_PHASE_READY)
    return eplb_fail(EPLB_ERR_STATE, "layer %d cannot be committed: no layer can be now", layer);
  double since = MPI_Wtime();
  status = check_next(session, layer);
  if (!status)
    status = commit_units(session, r->next_unit + 1);
  r->report.seconds_migrate += MPI_Wtime() - since;
  eplb_rebalancing_tell_progress(session);
  return status;
}

/* ---- layers as a whole ---- */

int eplb_rebalance_is_moving(const eplb_session_t *session, int layer) {
  const eplb_rebalancing_t *r = session ? session->rebalancing : NULL;
  if (!r || r->phase == EPLB_PHASE_FAILED)
    return 0;
  for (int u = r->next_unit; u < r->plan.num_units && r->plan.unit[u].layer <= layer; u++)
    if (r->plan.unit[u].layer == layer)
      return 1;
  return 0;
}

/* EPLB_ERR_STATE where a rebalance is open that has failed. */
static eplb_status_t check_not_failed(const eplb_session_t *s) {
  if (s->rebalancing && s->rebalancing->phase == EPLB_PHASE_FAILED)
    return eplb_fail(EPLB_ERR_STATE, "the rebalance has failed; call eplb_rebalance_end");
  return EPLB_SUCCESS;
}

/* Commits what the round that is ready has of the layers up to `layer`, by one vote. */
static eplb_status_t commit_up_to(eplb_session_t *s, int layer) {
  eplb_rebalancing_t *r = s->rebalancing;
  double since = MPI_Wtime();
  int end = r->next_unit;
  while (end < r->plan.round[r->round].unit_end && r->plan.unit[end].layer <= layer)
    end++;
  eplb_status_t status = check_units(s, end);
  if (!status)
    status = commit_units(s, end);
  r->report.seconds_migrate += MPI_Wtime() - since;
  eplb_rebalancing_tell_progress(s);
  return status;
}

static int has_unit_up_to(const eplb_rebalancing_t *r, int layer) {
  return r && r->next_unit < r->plan.num_units && r->plan.unit[r->next_unit].layer <= layer;
}

eplb_status_t eplb_rebalance_finish_layer(eplb_session_t *session, int layer) {
  eplb_status_t status = check_layer_number(session, layer);
  if (!status)
    status = check_not_failed(session);
  if (status || !has_unit_up_to(session->rebalancing, layer))
    return status;
  while (!status && has_unit_up_to(session->rebalancing, layer)) {
    int named;
    status = eplb_rebalance_wait(session, &named);
    if (!status)
      status = commit_up_to(session, layer);
  }
  return status;
}

/* Whether a commit unit of the layer is in the round that is under way or ready, and not committed. */
static int is_in_round(const eplb_rebalancing_t *r, int layer) {
  for (int u = r->next_unit; u < r->plan.round[r->round].unit_end; u++)
    if (r->plan.unit[u].layer == layer)
      return 1;
  return 0;
}

eplb_status_t eplb_rebalance_changed(eplb_session_t *session, int layer) {
  eplb_status_t mine = check_layer_number(session, layer);
  if (!session)
    return mine;
  eplb_status_t status = check_not_failed(session);
  if (status || !session->rebalancing)
    return mine ? mine : status;
  status = eplb_in_step(session, EPLB_CALL_CHANGED, mine, (uint64_t)layer, 0);
  const eplb_compared_t written = {"layers that were written", layer, 0};
  if (!status && !eplb_ballot_same_tag(&session->ballot))
    status = eplb_agree_on(session->comm, EPLB_SUCCESS, &written, 1);
  if (status || !eplb_rebalance_is_moving(session, layer))
    return status;
  eplb_rebalancing_t *r = session->rebalancing;
  r->again[layer] = (unsigned char)is_in_round(r, layer);
  eplb_failure_t copies = {0};
  eplb_failure_keep(&copies, eplb_watch_after_write(&r->migration.watch, layer, r->next_unit));
  status = agree_on_copies(session, &copies);
  if (status)
    return status == EPLB_ERR_MPI ? status : eplb_in_step_stop(session, status);
  if (r->phase == EPLB_PHASE_READY)
    eplb_rebalancing_send_again(session);
  return EPLB_SUCCESS;
}
