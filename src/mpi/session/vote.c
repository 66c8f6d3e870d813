#include "mpi/session/vote.h"
#include "core/util/alloc.h"

enum { MINE, ALL, UNSET = 2, MOST_FAILURES = 2 };

eplb_status_t eplb_ballot_prepare(eplb_ballot_t *b) {
  *b = (eplb_ballot_t){.request = MPI_REQUEST_NULL, .buffer = EPLB_NEW(eplb_vote_t, 2)};
  return b->buffer ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

void eplb_ballot_free(eplb_ballot_t *b) {
  if (b->request == MPI_REQUEST_NULL) /* else MPI may still write to it */
    free(b->buffer);
  b->buffer = NULL;
}

/* What this rank knows of the result. */
static void take_result(eplb_ballot_t *b) {
  b->all = b->buffer[ALL].finished == UNSET ? b->mine : b->buffer[ALL];
  b->is_open = 0;
}

void eplb_ballot_start(eplb_ballot_t *b, eplb_comm_t *comm, eplb_vote_t mine) {
  b->mine = b->buffer[MINE] = mine;
  b->buffer[ALL] = (eplb_vote_t){UNSET, 0};
  b->request = MPI_REQUEST_NULL;
  b->is_open = 1;
  int code = MPI_Iallreduce(&b->buffer[MINE], &b->buffer[ALL], 2, MPI_INT, MPI_MIN, comm->mpi, &b->request);
  b->failures = !eplb_comm_ok(comm, code, "starting to agree on a round of weights");
}

int eplb_ballot_test(eplb_ballot_t *b, eplb_comm_t *comm) {
  int done = b->request == MPI_REQUEST_NULL;
  if (!done && !eplb_comm_ok(comm, MPI_Test(&b->request, &done, MPI_STATUS_IGNORE), "agreeing on a round of weights")) {
    b->failures++;
    done |= b->request == MPI_REQUEST_NULL || b->failures == MOST_FAILURES;
  }
  if (done)
    take_result(b);
  return done;
}
