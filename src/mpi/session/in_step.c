/* Makes the ranks go through collective calls together: votes, and ends a round whose messages no longer move. */
#include "mpi/session/in_step.h"
#include "mpi/comm/agree.h"
#include <sched.h>
#include <stdio.h>

static int is_moving(const eplb_session_t *s) {
  return s->rebalancing && s->rebalancing->phase == EPLB_PHASE_MOVING;
}

void eplb_progress_or_yield(eplb_session_t *s) {
  if (!is_moving(s) || !eplb_migration_progress(&s->rebalancing->migration))
    sched_yield();
}

static void await(eplb_session_t *s, eplb_ballot_t *ballot) {
  while (!eplb_ballot_test(ballot, s->comm))
    eplb_progress_or_yield(s);
}

/* IDLE_LOOKS: tests without progress before a rank asks the others. IDLE_QUESTIONS: consecutive questions without
 * progress of any rank, after which the missing messages are lost. */
enum { IDLE_LOOKS = 20000, IDLE_QUESTIONS = 100 };

/* Whether any message of this rank moved on. */
static int progress_until_idle(eplb_session_t *s) {
  int any = 0;
  for (int idle = 0; is_moving(s) && !eplb_migration_finished(&s->rebalancing->migration) && idle < IDLE_LOOKS; idle++)
    if (eplb_migration_progress(&s->rebalancing->migration)) {
      any = 1;
      idle = 0;
    } else {
      sched_yield();
    }
  return any;
}

/* Called on every rank. Messages of the round may still arrive at any time, so no other round can start. */
static void give_up(eplb_session_t *s) {
  if (is_moving(s))
    eplb_migration_abandon(&s->rebalancing->migration);
  s->comm->is_broken = 1;
  s->comm->failure = EPLB_ERR_MISMATCH;
  snprintf(s->comm->sentence, sizeof s->comm->sentence,
           "the session cannot go on, because weights under way did not arrive");
}

/* Completes the in-flight messages with all ranks: other ranks may read this rank's weights until then. */
static void finish_messages(eplb_session_t *s) {
  int all_finished = 0, questions = 0;
  while (!all_finished && questions < IDLE_QUESTIONS) {
    int any = progress_until_idle(s);
    all_finished = eplb_everywhere(s->comm, !is_moving(s) || eplb_migration_finished(&s->rebalancing->migration));
    questions = eplb_everywhere(s->comm, !any) ? questions + 1 : 0;
  }
  if (!all_finished)
    give_up(s);
}

/* MPI has failed on a rank, which may know nothing of the votes since and make other calls: all take it as the failure
 * of this call. */
static eplb_status_t share_failure_of_mpi(eplb_session_t *s) {
  eplb_share_failure(s->comm, eplb_own_status(s->comm, EPLB_SUCCESS), EPLB_ERR_MPI);
  if (is_moving(s))
    eplb_migration_abandon(&s->rebalancing->migration);
  if (s->rebalancing)
    eplb_rebalancing_fail(s);
  return eplb_comm_status(s->comm);
}

/* All ranks have had the same vote, in which their calls differ, so all are here and end with the same sentence. */
static eplb_status_t fall_out(eplb_session_t *s, const eplb_ballot_t *ballot) {
  if (eplb_ballot_mpi_failed(ballot))
    return share_failure_of_mpi(s);
  eplb_ballot_name_calls(ballot, s->comm);
  char sentence[EPLB_ERROR_MAX];
  snprintf(sentence, sizeof sentence, "%s", eplb_last_error());
  finish_messages(s);
  if (s->rebalancing)
    eplb_rebalancing_fail(s);
  return eplb_fail(EPLB_ERR_MISMATCH, "%s", sentence);
}

eplb_status_t eplb_in_step_finish_vote(eplb_session_t *s) {
  eplb_rebalancing_t *r = s->rebalancing;
  if (!r || !r->ballot.is_open)
    return EPLB_SUCCESS;
  await(s, &r->ballot);
  r->has_result = 1;
  if (eplb_ballot_same_call(&r->ballot))
    return EPLB_SUCCESS;
  return fall_out(s, &r->ballot);
}

eplb_status_t eplb_in_step(eplb_session_t *s, eplb_call_t call, eplb_status_t mine, uint64_t tag, uint64_t balance) {
  char sentence[EPLB_ERROR_MAX];
  snprintf(sentence, sizeof sentence, "%s", eplb_last_error());
  if (eplb_comm_is_broken(s->comm))
    return eplb_comm_status(s->comm);
  eplb_status_t status = eplb_in_step_finish_vote(s);
  if (status)
    return status;
  const eplb_vote_t vote = {.call = call, .status = eplb_own_status(s->comm, mine), .tag = tag, .balance = balance};
  eplb_ballot_start(&s->ballot, s->comm, vote);
  await(s, &s->ballot);
  if (!eplb_ballot_same_call(&s->ballot))
    return fall_out(s, &s->ballot);
  status = eplb_ballot_status(&s->ballot);
  if (!status)
    return EPLB_SUCCESS;
  if (mine)
    eplb_fail(mine, "%s", sentence);
  return eplb_share_failure(s->comm, eplb_own_status(s->comm, mine), status);
}
