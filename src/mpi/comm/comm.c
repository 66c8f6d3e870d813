/* Keeps the first failure of MPI on this rank until all ranks agree on it. */
#include "mpi/comm/comm.h"
#include <stdio.h>

eplb_status_t eplb_mpi(int code, const char *doing) {
  if (code == MPI_SUCCESS)
    return EPLB_SUCCESS;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
    snprintf(text, sizeof text, "MPI error %d, without a text of MPI", code);
  return eplb_fail(EPLB_ERR_MPI, "%s: %s", doing, text);
}

int eplb_mpi_is_over(void) {
  int is_over = 0;
  return MPI_Finalized(&is_over) == MPI_SUCCESS && is_over;
}

eplb_comm_t *eplb_comm_outermost(eplb_comm_t *comm) {
  while (comm->parent)
    comm = comm->parent;
  return comm;
}

static const eplb_comm_t *outermost_of(const eplb_comm_t *comm) {
  while (comm->parent)
    comm = comm->parent;
  return comm;
}

int eplb_comm_ok(eplb_comm_t *comm, int code, const char *doing) {
  if (code == MPI_SUCCESS)
    return 1;
  eplb_comm_t *all = eplb_comm_outermost(comm);
  if (all->failure)
    return 0;
  char before[EPLB_ERROR_MAX];
  snprintf(before, sizeof before, "%s", eplb_last_error());
  all->failure = eplb_mpi(code, doing);
  snprintf(all->sentence, sizeof all->sentence, "%s", eplb_last_error());
  eplb_fail(all->failure, "%s", before);
  return 0;
}

void eplb_comm_note(eplb_comm_t *comm) {
  eplb_comm_t *all = eplb_comm_outermost(comm);
  if (all->failure)
    return;
  all->failure = EPLB_ERR_MPI;
  snprintf(all->sentence, sizeof all->sentence, "%s", eplb_last_error());
}

eplb_status_t eplb_comm_status(const eplb_comm_t *comm) {
  const eplb_comm_t *all = outermost_of(comm);
  return all->failure ? eplb_fail(all->failure, "%s", all->sentence) : EPLB_SUCCESS;
}

int eplb_comm_is_broken(const eplb_comm_t *comm) {
  return outermost_of(comm)->is_broken;
}

void eplb_comm_open(eplb_comm_t *comm, MPI_Comm mpi, eplb_comm_t *parent) {
  *comm = (eplb_comm_t){.mpi = mpi, .rank = -1, .parent = parent};
  if (mpi == MPI_COMM_NULL)
    return;
  int rank, size;
  if (eplb_comm_ok(comm, MPI_Comm_rank(mpi, &rank), "asking for the number of this rank"))
    comm->rank = rank;
  if (eplb_comm_ok(comm, MPI_Comm_size(mpi, &size), "asking how many ranks there are"))
    comm->size = size;
}

eplb_status_t eplb_comm_take(eplb_comm_t *given, MPI_Comm comm) {
  if (comm == MPI_COMM_NULL)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the communicator is MPI_COMM_NULL");
  eplb_comm_open(given, comm, NULL);
  int is_inter = 0;
  if (eplb_comm_ok(given, MPI_Comm_test_inter(comm, &is_inter), "asking what kind of communicator it is") && is_inter)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the communicator joins two groups; expected an intracommunicator: "
                                        "MPI_Intercomm_merge makes one of it");
  return EPLB_SUCCESS;
}

void eplb_comm_free(eplb_comm_t *comm) {
  if (comm->mpi != MPI_COMM_NULL && !comm->has_strays)
    eplb_comm_ok(comm, MPI_Comm_free(&comm->mpi), "freeing a communicator");
  comm->mpi = MPI_COMM_NULL;
}
