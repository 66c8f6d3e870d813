#include "mpi/comm/part.h"
#include "mpi/comm/agree.h"

/* A part that some ranks did not get is not freed: freeing is collective. */
static eplb_status_t open_part(eplb_comm_t *comm, int code, const char *doing, MPI_Comm made, eplb_comm_t *part) {
  eplb_comm_t *all = comm;
  while (all->parent)
    all = all->parent;
  eplb_comm_open(part, eplb_comm_ok(comm, code, doing) ? made : MPI_COMM_NULL, comm);
  eplb_status_t status = eplb_agree(all, EPLB_SUCCESS);
  if (status)
    eplb_comm_open(part, MPI_COMM_NULL, comm);
  return status;
}

eplb_status_t eplb_part_shared(eplb_comm_t *comm, eplb_comm_t *part) {
  MPI_Comm made = MPI_COMM_NULL;
  int code = MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &made);
  return open_part(comm, code, "finding the ranks that share memory", made, part);
}

eplb_status_t eplb_part_split(eplb_comm_t *comm, int colour, eplb_comm_t *part) {
  MPI_Comm made = MPI_COMM_NULL;
  int code = MPI_Comm_split(comm->mpi, colour, comm->rank, &made);
  return open_part(comm, code, "splitting a communicator", made, part);
}
