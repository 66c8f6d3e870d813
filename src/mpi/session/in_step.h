/* How the ranks of a session go through its collective calls together: every call begins with a vote (vote.h). Ranks that
 * make different calls all return EPLB_ERR_MISMATCH with the same sentence; the session goes on, but a rebalance that is
 * open fails on every rank, once the messages under way have arrived. Where MPI has failed on a rank, before or while
 * they find that out, all of them return EPLB_ERR_MPI instead. */
#ifndef EPLB_MPI_SESSION_IN_STEP_H
#define EPLB_MPI_SESSION_IN_STEP_H

#include "mpi/session/rebalancing.h"

/* Agrees on a call: the lowest of all ranks' statuses, or EPLB_ERR_MISMATCH. `mine`: this rank's status; tag and
 * balance as eplb_vote_t has them, whose results are then in session->ballot. Collective. */
eplb_status_t eplb_in_step(eplb_session_t *session, eplb_call_t call, eplb_status_t mine, uint64_t tag,
                           uint64_t balance);

/* Progresses this rank's messages. Yields the CPU if no progress was possible. */
void eplb_progress_or_yield(eplb_session_t *session);

/* Ends an open rebalance early on every rank, with the failure `why` and its sentence: completes the messages under way,
 * then it fails. Returns `why`, or EPLB_ERR_MPI if MPI fails on some rank meanwhile. Collective. */
eplb_status_t eplb_in_step_stop(eplb_session_t *session, eplb_status_t why);

/* Waits for the vote of an earlier test, if there is one; its result is in rebalancing->ballot. EPLB_ERR_MISMATCH,
 * EPLB_ERR_MPI. */
eplb_status_t eplb_in_step_finish_vote(eplb_session_t *session);

#endif
