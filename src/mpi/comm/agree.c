#include "mpi/comm/agree.h"
#include <limits.h>
#include <string.h>

eplb_status_t eplb_share_failure(MPI_Comm comm, eplb_status_t mine, eplb_status_t worst) {
  int rank, size, first;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  int candidate = mine == worst ? rank : INT_MAX;
  MPI_Allreduce(&candidate, &first, 1, MPI_INT, MPI_MIN, comm);

  char sentence[EPLB_ERROR_MAX] = "";
  if (rank == first)
    strncpy(sentence, eplb_last_error(), sizeof sentence - 1);
  MPI_Bcast(sentence, (int)sizeof sentence, MPI_CHAR, first, comm);
  if (size == 1)
    return worst;
  return eplb_fail(worst, "rank %d: %s", first, sentence);
}

eplb_status_t eplb_agree(MPI_Comm comm, eplb_status_t mine) {
  int lowest, own = (int)mine;
  MPI_Allreduce(&own, &lowest, 1, MPI_INT, MPI_MIN, comm);
  return lowest == EPLB_SUCCESS ? EPLB_SUCCESS : eplb_share_failure(comm, mine, (eplb_status_t)lowest);
}

int eplb_everywhere(MPI_Comm comm, int here) {
  int all;
  MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_MIN, comm);
  return all;
}
