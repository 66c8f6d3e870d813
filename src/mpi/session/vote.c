/* A vote is one allreduce of numbers that are summed: calls, statuses, and a tag. Equality of tags is read from the
 * sums. */
#include "mpi/session/vote.h"
#include "core/util/alloc.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* MAX_LOST: after two votes that MPI failed on, the second of which was to report the first, the communicator is
 * broken. */
enum { MINE, ALL, MOST_FAILURES = 2, MAX_LOST = 2, NUM_VALUES = sizeof(eplb_votes_t) / sizeof(uint64_t) };

/* No sum of ranks: MPI has not written the result. */
static const uint64_t UNSET = UINT64_MAX;

eplb_status_t eplb_ballot_prepare(eplb_ballot_t *b) {
  *b = (eplb_ballot_t){.request = MPI_REQUEST_NULL, .buffer = EPLB_NEW(eplb_votes_t, 2 * MAX_LOST)};
  return b->buffer ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

void eplb_ballot_free(eplb_ballot_t *b) {
  if (!b->lost) /* else MPI may still write to it */
    free(b->buffer);
  b->buffer = NULL;
}

static eplb_votes_t *buffer_of(const eplb_ballot_t *b, int which) {
  int vote = b->lost < MAX_LOST ? b->lost : MAX_LOST - 1;
  return &b->buffer[2 * vote + which];
}

/* A vote as `ranks` ranks that agree would add it up. */
static eplb_votes_t unanimous_votes(const eplb_vote_t *v, uint64_t ranks) {
  eplb_votes_t votes = {
      .finished = v->finished ? ranks : 0, .tag = v->tag * ranks, .balance = ranks > 1 ? 0 : v->balance};
  int status = -(int)v->status;
  votes.call[v->call] = ranks;
  votes.status[status >= 0 && status < EPLB_NUM_STATUSES ? status : -EPLB_ERR_INTERNAL] = ranks;
  return votes;
}

/* What this rank knows of the result. */
static void take_result(eplb_ballot_t *b) {
  int is_lost = b->request != MPI_REQUEST_NULL;
  const eplb_votes_t *all = buffer_of(b, ALL);
  b->all = is_lost || all->finished == UNSET ? unanimous_votes(&b->mine, (uint64_t)b->size) : *all;
  b->lost += is_lost;
  b->is_open = 0;
}

void eplb_ballot_start(eplb_ballot_t *b, eplb_comm_t *comm, eplb_vote_t mine) {
  b->size = comm->size;
  b->mine = mine;
  eplb_votes_t *own = buffer_of(b, MINE), *all = buffer_of(b, ALL);
  *own = unanimous_votes(&mine, 1);
  *all = (eplb_votes_t){.finished = UNSET};
  b->request = MPI_REQUEST_NULL;
  b->is_open = 1;
  int code = MPI_Iallreduce(own, all, NUM_VALUES, MPI_UINT64_T, MPI_SUM, comm->mpi, &b->request);
  b->failures = !eplb_comm_ok(comm, code, "starting to agree on a call");
}

int eplb_ballot_test(eplb_ballot_t *b, eplb_comm_t *comm) {
  int done = b->request == MPI_REQUEST_NULL;
  if (!done && !eplb_comm_ok(comm, MPI_Test(&b->request, &done, MPI_STATUS_IGNORE), "agreeing on a call")) {
    b->failures++;
    done |= b->request == MPI_REQUEST_NULL || b->failures == MOST_FAILURES;
  }
  if (done)
    take_result(b);
  return done;
}

eplb_status_t eplb_ballot_status(const eplb_ballot_t *b) {
  for (int status = EPLB_NUM_STATUSES - 1; status > 0; status--)
    if (b->all.status[status])
      return (eplb_status_t)-status;
  return EPLB_SUCCESS;
}

int eplb_ballot_same_call(const eplb_ballot_t *b) {
  return b->all.call[b->mine.call] == (uint64_t)b->size;
}

eplb_status_t eplb_ballot_name_calls(const eplb_ballot_t *b, eplb_comm_t *comm) {
  static const char *const name[EPLB_NUM_CALLS] = {[EPLB_CALL_BEGIN] = "eplb_rebalance_begin",
                                                   [EPLB_CALL_ADVANCE] = "eplb_rebalance_test or _wait",
                                                   [EPLB_CALL_COMMIT] = "eplb_rebalance_commit",
                                                   [EPLB_CALL_CHANGED] = "eplb_rebalance_changed",
                                                   [EPLB_CALL_END] = "eplb_rebalance_end",
                                                   [EPLB_CALL_REDETECT] = "eplb_session_redetect",
                                                   [EPLB_CALL_ALLOCATE] = "eplb_session_allocate",
                                                   [EPLB_CALL_DRAIN] = "eplb_session_drain",
                                                   [EPLB_CALL_DESTROY] = "eplb_session_destroy",
                                                   [EPLB_CALL_ROUTING] = "eplb_session_routing_create",
                                                   [EPLB_CALL_REDUCE] = "eplb_replicas_reduce_begin",
                                                   [EPLB_CALL_REDUCED] = "eplb_replicas_reduce_end",
                                                   [EPLB_CALL_SAVE] = "eplb_session_save"};
  int own[EPLB_NUM_CALLS], first[EPLB_NUM_CALLS];
  for (int call = 0; call < EPLB_NUM_CALLS; call++)
    own[call] = first[call] = call == (int)b->mine.call ? comm->rank : INT_MAX;
  eplb_comm_ok(comm, MPI_Allreduce(own, first, EPLB_NUM_CALLS, MPI_INT, MPI_MIN, comm->mpi),
               "finding the ranks that call something else");
  char list[EPLB_ERROR_MAX] = "";
  for (int call = 0; call < EPLB_NUM_CALLS; call++) {
    size_t length = strlen(list);
    if (first[call] != INT_MAX)
      snprintf(list + length, sizeof list - length, "%srank %d called %s", length ? ", " : "", first[call], name[call]);
  }
  return eplb_fail(EPLB_ERR_MISMATCH, "%s; expected the same call on every rank", list);
}
