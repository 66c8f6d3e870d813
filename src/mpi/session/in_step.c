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

/* Tests without progress before a rank asks the others. */
enum { IDLE_LOOKS = 20000 };

static int has_finished(const eplb_session_t *s) {
  return !is_moving(s) || eplb_migration_finished(&s->rebalancing->migration);
}

static void progress_until_idle(eplb_session_t *s) {
  for (int idle = 0; !has_finished(s) && idle < IDLE_LOOKS; idle++)
    if (eplb_migration_progress(&s->rebalancing->migration))
      idle = 0;
    else
      sched_yield();
}

/* MPI has failed, as all ranks know. */
static eplb_status_t give_up(eplb_session_t *s) {
  if (is_moving(s))
    eplb_migration_abandon(&s->rebalancing->migration);
  if (s->rebalancing)
    eplb_rebalancing_fail(s);
  return eplb_comm_status(s->comm);
}

/* Completes the messages of the round with all ranks: other ranks may read this rank's weights until then. All ranks
 * that move are in the same round, whatever they call: so all messages come, however long that takes, unless MPI fails
 * on a rank. EPLB_ERR_MPI, on every rank. */
static eplb_status_t finish_messages(eplb_session_t *s) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int all_finished = 0; !all_finished && !status;) {
    progress_until_idle(s);
    all_finished = eplb_everywhere(s->comm, has_finished(s));
    status = eplb_agree(s->comm, EPLB_SUCCESS);
  }
  return status;
}

eplb_status_t eplb_in_step_stop(eplb_session_t *s, eplb_status_t why) {
  char sentence[EPLB_ERROR_MAX];
  snprintf(sentence, sizeof sentence, "%s", eplb_last_error());
  if (finish_messages(s))
    return give_up(s);
  if (s->rebalancing)
    eplb_rebalancing_fail(s);
  return eplb_fail(why, "%s", sentence);
}

/* All ranks have had the same vote, in which their calls differ, so all are here and end with the same sentence. Where
 * MPI has failed on one of them, that is the reason: it may know nothing of the votes since. */
static eplb_status_t fall_out(eplb_session_t *s, const eplb_ballot_t *ballot) {
  if (eplb_ballot_mpi_failed(ballot)) {
    eplb_share_failure(s->comm, eplb_own_status(s->comm, EPLB_SUCCESS), EPLB_ERR_MPI);
    return give_up(s);
  }
  return eplb_in_step_stop(s, eplb_ballot_name_calls(ballot, s->comm));
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
