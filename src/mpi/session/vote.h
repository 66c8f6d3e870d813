/* How ranks agree on a call. All collective calls of a session begin with the same message, so that ranks that make
 * different calls find out together; and on a round of weights they vote without waiting for each other. All take part
 * in the same votes in the same order. */
#ifndef EPLB_MPI_SESSION_VOTE_H
#define EPLB_MPI_SESSION_VOTE_H

#include "mpi/comm/comm.h"
#include <stdint.h>

typedef enum eplb_call {
  EPLB_CALL_BEGIN,
  EPLB_CALL_ADVANCE, /* test, wait, and finish_layer while it waits: ranks may mix them */
  EPLB_CALL_COMMIT,  /* commit, and finish_layer when it commits */
  EPLB_CALL_CHANGED,
  EPLB_CALL_END,
  EPLB_CALL_REDETECT,
  EPLB_CALL_ALLOCATE,
  EPLB_CALL_DRAIN,
  EPLB_CALL_DESTROY,
  EPLB_CALL_ROUTING,
  EPLB_CALL_REDUCE,
  EPLB_CALL_REDUCED,
  EPLB_CALL_SAVE,
  EPLB_NUM_CALLS
} eplb_call_t;

/* The vote of one rank. */
typedef struct eplb_vote {
  eplb_call_t call;
  eplb_status_t status;
  int finished;     /* 1: this rank's part of the round is finished */
  uint64_t tag;     /* a hash of what must be the same on all ranks */
  uint64_t balance; /* what is added up over the ranks */
} eplb_vote_t;

enum { EPLB_NUM_STATUSES = 1 - EPLB_ERR_INTERNAL };

/* The sum of all votes: the number of ranks for each call, for each status, and finished; and sums. */
typedef struct eplb_votes {
  uint64_t call[EPLB_NUM_CALLS], status[EPLB_NUM_STATUSES], finished, tag, balance;
} eplb_votes_t;

typedef struct eplb_ballot {
  int size; /* ranks */
  eplb_vote_t mine;
  eplb_votes_t all;     /* of the last vote */
  eplb_votes_t *buffer; /* pairs, of this rank and of all, while MPI has them */
  int lost;             /* votes whose pairs MPI may have for ever: it failed before they ended */
  MPI_Request request;
  int is_open;  /* a vote has begun, and its result has not been taken yet */
  int failures; /* of MPI in this vote */
} eplb_ballot_t;

/* EPLB_ERR_MEMORY. Must be freed also after a failure. */
eplb_status_t eplb_ballot_prepare(eplb_ballot_t *ballot);
void eplb_ballot_free(eplb_ballot_t *ballot);

/* Begins a vote. Does not wait. Collective over comm. */
void eplb_ballot_start(eplb_ballot_t *ballot, eplb_comm_t *comm, eplb_vote_t mine);

/* Whether the vote that is open has ended; its result is then in ballot->all. Local. If MPI fails on this rank, the
 * result is what MPI has written, if anything, else as if all ranks had voted as this one: most likely the others go on
 * with the same result. They learn of the failure at the next agreement, before anything is committed. */
int eplb_ballot_test(eplb_ballot_t *ballot, eplb_comm_t *comm);

/* The lowest status of all ranks. */
eplb_status_t eplb_ballot_status(const eplb_ballot_t *ballot);

/* Whether all ranks make the same call. */
int eplb_ballot_same_call(const eplb_ballot_t *ballot);

/* If they do not: returns EPLB_ERR_MISMATCH, with a sentence that names the first rank of each call. Collective over
 * comm. */
eplb_status_t eplb_ballot_name_calls(const eplb_ballot_t *ballot, eplb_comm_t *comm);

static inline int eplb_ballot_same_tag(const eplb_ballot_t *ballot) {
  return ballot->all.tag == ballot->mine.tag * (uint64_t)ballot->size;
}

/* Whether MPI has failed on a rank, which then gives up its messages; another rank's status may be lower. */
static inline int eplb_ballot_mpi_failed(const eplb_ballot_t *ballot) {
  return ballot->all.status[-EPLB_ERR_MPI] > 0;
}

/* Whether the last vote ended the round: all ranks are finished, or MPI has failed on one and some messages will never
 * come. */
static inline int eplb_ballot_ends_round(const eplb_ballot_t *ballot) {
  return ballot->all.finished == (uint64_t)ballot->size || eplb_ballot_mpi_failed(ballot);
}

#endif
