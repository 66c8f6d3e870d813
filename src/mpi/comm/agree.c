/* All ranks agree on one status: a minimum over ranks; only a failure costs two more messages, for its sentence. */
#include "mpi/comm/agree.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

eplb_status_t eplb_own_status(const eplb_comm_t *comm, eplb_status_t mine) {
  if (mine == EPLB_ERR_MPI)
    return mine;
  eplb_status_t failure = eplb_comm_status(comm);
  return failure ? failure : mine;
}

/* Where MPI fails on this rank, the messages here take what it has left as their result, if it has left any: most
 * likely that is what the other ranks have. */

/* The first rank whose status is `worst`, or INT_MAX if MPI fails. */
static int find_first_candidate(eplb_comm_t *comm, int is_candidate) {
  int candidate = is_candidate ? comm->rank : INT_MAX, first = candidate;
  eplb_comm_ok(comm, MPI_Allreduce(&candidate, &first, 1, MPI_INT, MPI_MIN, comm->mpi),
               "finding the rank that failed first");
  return first >= 0 && first < comm->size ? first : candidate;
}

/* All ranks but one contribute zeros, so that no rank has to know which one it is. */
static void spread_sentence(eplb_comm_t *comm, char *sentence) {
  unsigned char own[EPLB_ERROR_MAX], all[EPLB_ERROR_MAX] = "";
  memcpy(own, sentence, sizeof own);
  eplb_comm_ok(comm, MPI_Allreduce(own, all, sizeof own, MPI_UNSIGNED_CHAR, MPI_MAX, comm->mpi),
               "telling all ranks what failed");
  if (*all)
    memcpy(sentence, all, sizeof all);
  sentence[EPLB_ERROR_MAX - 1] = 0;
}

static void mark_broken(eplb_comm_t *comm, const char *sentence) {
  while (comm->parent)
    comm = comm->parent;
  comm->is_broken = 1;
  comm->failure = EPLB_ERR_MPI;
  snprintf(comm->sentence, sizeof comm->sentence, "%s", sentence);
}

eplb_status_t eplb_share_failure(eplb_comm_t *comm, eplb_status_t mine, eplb_status_t worst) {
  char own[EPLB_ERROR_MAX] = "", sentence[EPLB_ERROR_MAX] = "";
  strncpy(own, eplb_last_error(), sizeof own - 1);
  int first = find_first_candidate(comm, mine == worst);
  if (mine == worst && first == comm->rank)
    memcpy(sentence, own, sizeof sentence);
  spread_sentence(comm, sentence);
  if (!*sentence)
    snprintf(sentence, sizeof sentence, "%s", mine == worst ? own : eplb_status_name(worst));
  if (comm->size == 1 || first < 0 || first == INT_MAX)
    eplb_fail(worst, "%s", sentence);
  else
    eplb_fail(worst, "rank %d: %s", first, sentence);
  if (worst == EPLB_ERR_MPI)
    mark_broken(comm, eplb_last_error());
  return worst;
}

eplb_status_t eplb_agree(eplb_comm_t *comm, eplb_status_t mine) {
  if (eplb_comm_is_broken(comm))
    return eplb_comm_status(comm);
  mine = eplb_own_status(comm, mine);
  int own = (int)mine, lowest = own;
  eplb_comm_ok(comm, MPI_Allreduce(&own, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi), "agreeing on a status");
  lowest = lowest < own && lowest >= EPLB_ERR_INTERNAL ? lowest : own;
  return lowest == EPLB_SUCCESS ? EPLB_SUCCESS : eplb_share_failure(comm, mine, (eplb_status_t)lowest);
}

int eplb_everywhere(eplb_comm_t *comm, int here) {
  int all = here;
  eplb_comm_ok(comm, MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_MIN, comm->mpi), "asking whether all ranks can");
  return here && all;
}

eplb_status_t eplb_agree_world(eplb_status_t mine) {
  eplb_comm_t world;
  eplb_comm_open(&world, MPI_COMM_WORLD, NULL);
  eplb_status_t status = eplb_agree(&world, mine);
  return status ? status : eplb_comm_status(&world);
}
