/* How ranks agree on a round of weights without waiting for each other. All take part in the same votes in the same
 * order, whether they test, wait or end. */
#ifndef EPLB_MPI_SESSION_VOTE_H
#define EPLB_MPI_SESSION_VOTE_H

#include "mpi/comm/comm.h"

/* What ranks agree on, by its minimum. */
typedef struct eplb_vote {
  int finished; /* 1: this rank's part of the round is finished */
  int status;
} eplb_vote_t;

typedef struct eplb_ballot {
  eplb_vote_t mine, all; /* of the last vote */
  eplb_vote_t *buffer;   /* [2]: the same, while MPI has them */
  MPI_Request request;
  int is_open;  /* a vote has begun, and its result has not been taken yet */
  int failures; /* of MPI in this vote */
} eplb_ballot_t;

/* EPLB_ERR_MEMORY. Free it also after a failure. */
eplb_status_t eplb_ballot_prepare(eplb_ballot_t *ballot);
void eplb_ballot_free(eplb_ballot_t *ballot);

/* Begins a vote. Does not wait. Collective over comm. */
void eplb_ballot_start(eplb_ballot_t *ballot, eplb_comm_t *comm, eplb_vote_t mine);

/* Whether the vote that is open has ended; its result is then in ballot->all. Local. Where MPI fails on this rank, the
 * result is what MPI has left, if it has left any, else this rank's own vote: most likely the others go on with the
 * same. The next agreement, which comes before anything is committed, tells them. */
int eplb_ballot_test(eplb_ballot_t *ballot, eplb_comm_t *comm);

/* Whether the last vote ended the round: all ranks are finished, or MPI has failed on one and some messages will never
 * come. */
static inline int eplb_ballot_ends_round(const eplb_ballot_t *ballot) {
  return ballot->all.finished || ballot->all.status == EPLB_ERR_MPI;
}

#endif
