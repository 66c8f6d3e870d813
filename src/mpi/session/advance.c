/* How an open rebalance goes on: test and wait move a round of weights, and the ranks vote on it. The vote that ends a
 * round makes its layers ready to be committed, has them sent again, or ends the rebalance early because a rank
 * failed. */
#include "core/model/placement.h"
#include "mpi/comm/agree.h"
#include "mpi/session/in_step.h"
#include <sched.h>
#include <string.h>

static void start_vote(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_status_t status = eplb_own_status(s->comm, eplb_migration_status(&r->migration));
  int finished = eplb_migration_finished(&r->migration);
  eplb_ballot_start(&r->ballot, s->comm,
                    (eplb_vote_t){.call = EPLB_CALL_ADVANCE,
                                  .status = status,
                                  .finished = finished,
                                  .balance = (uint64_t)r->migration.report.is_refused});
}

/* Waits for the vote that is under way, if any. *ended: it ends the round. EPLB_ERR_MISMATCH. */
static eplb_status_t finish_vote(eplb_session_t *s, int *ended) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_status_t status = eplb_in_step_finish_vote(s);
  *ended = !status && r->has_result && eplb_ballot_ends_round(&r->ballot);
  r->has_result = 0;
  return status;
}

/* Slots of the round that received experts directly, without a commit, hold no expert of the map: they become empty, on
 * every rank. */
void eplb_rebalancing_empty_direct_slots(eplb_session_t *s) {
  const eplb_migration_plan_t *m = &s->rebalancing->plan;
  int round = s->rebalancing->round, end = round < m->num_rounds ? m->round[round].unit_end : 0;
  for (int u = s->rebalancing->next_unit; u < end; u++) {
    int32_t *row = eplb_placement_row(s->placement, m->unit[u].layer);
    for (int c = m->unit[u].change_begin; c < m->unit[u].change_end; c++)
      if (m->change[c].direct)
        row[m->change[c].slot] = EPLB_EMPTY;
    eplb_session_index_layer(s, m->unit[u].layer);
  }
}

void eplb_rebalancing_fail(eplb_session_t *s) {
  eplb_rebalancing_empty_direct_slots(s);
  s->rebalancing->phase = EPLB_PHASE_FAILED;
}

void eplb_rebalancing_send_again(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  size_t layers = (size_t)s->options.num_layers;
  int any = memchr(r->again, 1, layers) != NULL;
  r->phase = any ? EPLB_PHASE_MOVING : EPLB_PHASE_READY;
  if (any)
    eplb_migration_resend(&r->migration, r->again);
  memset(r->again, 0, layers);
}

/* The failure on which the last vote ended, on every rank. */
eplb_status_t eplb_rebalancing_share_failed_vote(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_status_t worst = eplb_ballot_status(&r->ballot), mine = EPLB_SUCCESS;
  if (eplb_ballot_mpi_failed(&r->ballot))
    eplb_migration_abandon(&r->migration);
  else
    mine = eplb_migration_explain(&r->migration, worst, r->again);
  return eplb_agree(s->comm, mine);
}

/* Whether the kernel has refused a rank to read a neighbour's memory, although it allowed that when the session began,
 * and nothing else has failed. Then all ranks stop using that way and send the pass again. Wrong checksums are a
 * consequence. */
static int must_do_without_cma(const eplb_session_t *s) {
  const eplb_ballot_t *ballot = &s->rebalancing->ballot;
  eplb_status_t status = eplb_ballot_status(ballot);
  return ballot->all.balance > 0 && (status == EPLB_SUCCESS || status == EPLB_ERR_CORRUPT);
}

static void do_without_cma(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_cma_destroy(&s->migrate.cma);
  for (int u = r->next_unit; u < r->plan.round[r->round].unit_end; u++)
    r->again[r->plan.unit[u].layer] |= r->migration.is_moving[r->plan.unit[u].layer];
  if (s->rank == 0 && s->options.log)
    s->options.log(s->options.log_arg, "the kernel no longer lets ranks of a node read each other's memory "
                                       "(process_vm_readv): weights go through shared memory from now on");
}

/* All ranks have finished a pass of the round. Its commit units are ready, except those of layers that the job has
 * written, which are sent again; or the rebalance fails. */
static eplb_status_t finish_round(eplb_session_t *s) {
  eplb_status_t status = EPLB_SUCCESS;
  if (must_do_without_cma(s))
    do_without_cma(s);
  else if (eplb_ballot_status(&s->rebalancing->ballot))
    status = eplb_rebalancing_share_failed_vote(s);
  if (status)
    eplb_rebalancing_fail(s);
  else
    eplb_rebalancing_send_again(s);
  return status;
}

/* One vote is always under way while a round is, begun by one call and ended by the next: so every rank has the same
 * answer at the same call, and none waits for another's weights. */
static eplb_status_t vote_in_passing(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  eplb_migration_progress(&r->migration);
  int ended;
  eplb_status_t status = finish_vote(s, &ended);
  if (ended)
    status = finish_round(s);
  if (r->phase == EPLB_PHASE_MOVING)
    start_vote(s);
  return status;
}

/* Tests without progress after which a rank asks by a vote whether weights will still arrive; the number doubles after
 * each vote, up to the largest. */
enum { IDLE_LOOKS = 1000, MOST_IDLE_LOOKS = 1 << 24 };

/* In a blocking wait, each rank votes when it has finished the round, or after tests without progress. Returns when all
 * have finished the round. */
eplb_status_t eplb_rebalancing_wait_for_all(eplb_session_t *s) {
  eplb_migration_t *m = &s->rebalancing->migration;
  int ended, most = IDLE_LOOKS;
  eplb_status_t status = finish_vote(s, &ended);
  for (; !status && !ended; most = most < MOST_IDLE_LOOKS ? 2 * most : most) {
    for (int idle = 0; !eplb_migration_finished(m) && idle < most; idle++)
      if (eplb_migration_progress(m))
        idle = 0;
      else
        sched_yield();
    start_vote(s);
    status = finish_vote(s, &ended);
  }
  return status;
}

eplb_status_t eplb_rebalancing_check_open(const eplb_session_t *s) {
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  if (!s->rebalancing)
    return eplb_fail(EPLB_ERR_STATE, "no rebalance is open; call eplb_rebalance_begin first");
  return EPLB_SUCCESS;
}

/* The layer to name, once a round is ready. */
static int next_layer(const eplb_rebalancing_t *r) {
  if (r->phase == EPLB_PHASE_DONE)
    return EPLB_LAYER_DONE;
  return r->phase == EPLB_PHASE_READY ? r->plan.unit[r->next_unit].layer : EPLB_LAYER_NONE;
}

void eplb_rebalancing_tell_progress(const eplb_session_t *s) {
  const eplb_migration_t *m = &s->rebalancing->migration;
  if (s->options.progress)
    s->options.progress(s->options.progress_arg, m->arrived, m->all);
}

/* Whether test and wait can be called. */
static eplb_status_t check_can_advance(const eplb_session_t *s, const int *layer) {
  eplb_status_t status = eplb_rebalancing_check_open(s);
  if (!status && !layer)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "layer is NULL");
  if (!status && s->rebalancing->phase == EPLB_PHASE_FAILED)
    status = eplb_fail(EPLB_ERR_STATE, "the rebalance has failed; call eplb_rebalance_end");
  return status;
}

static void end_advance(eplb_session_t *s, double since) {
  s->rebalancing->report.seconds_migrate += MPI_Wtime() - since;
  eplb_rebalancing_tell_progress(s);
}

eplb_status_t eplb_rebalance_test(eplb_session_t *session, int *layer) {
  eplb_status_t status = check_can_advance(session, layer);
  if (status)
    return status;
  double since = MPI_Wtime();
  if (session->rebalancing->phase == EPLB_PHASE_MOVING)
    status = vote_in_passing(session);
  end_advance(session, since);
  if (!status)
    *layer = next_layer(session->rebalancing);
  return status;
}

eplb_status_t eplb_rebalance_wait(eplb_session_t *session, int *layer) {
  eplb_status_t status = check_can_advance(session, layer);
  if (status)
    return status;
  double since = MPI_Wtime();
  while (session->rebalancing->phase == EPLB_PHASE_MOVING && !status) {
    status = eplb_rebalancing_wait_for_all(session);
    status = status ? status : finish_round(session);
  }
  end_advance(session, since);
  if (!status)
    *layer = next_layer(session->rebalancing);
  return status;
}
