/* Splits a communicator. Ranks that can share memory are those that MPI says can, corrected by the identities of
 * machine and /dev/shm. */
#include "mpi/comm/split.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/machine_id.h"

/* A subcommunicator that some ranks did not get is not freed: MPI_Comm_free is collective. */
static eplb_status_t open_subcomm(eplb_comm_t *comm, int code, const char *doing, MPI_Comm made, eplb_comm_t *subcomm) {
  eplb_comm_open(subcomm, eplb_comm_ok(comm, code, doing) ? made : MPI_COMM_NULL, comm);
  eplb_status_t status = eplb_agree(eplb_comm_outermost(comm), EPLB_SUCCESS);
  if (status)
    eplb_comm_open(subcomm, MPI_COMM_NULL, comm);
  return status;
}

/* The first rank of comm with the same as this one. */
static int find_first_like_this(eplb_comm_t *comm, const eplb_memory_id_t *own, int whole, eplb_memory_id_t *all) {
  all[comm->rank] = *own;
  if (!eplb_comm_ok(comm, MPI_Allgather(own, sizeof *own, MPI_BYTE, all, sizeof *own, MPI_BYTE, comm->mpi),
                    "exchanging what tells machines apart"))
    return comm->rank;
  int first = 0;
  while (first < comm->rank && (all[first].machine != own->machine || (whole && all[first].shared != own->shared)))
    first++;
  return first;
}

/* What MPI says can share memory takes the identity of its first rank of the machine. Without a boot id or /dev/shm,
 * MPI alone decides. `all` has room for all ranks of comm. */
static void agree_on_id(eplb_comm_t *comm, eplb_comm_t *shared, eplb_memory_id_t *id, eplb_memory_id_t *all) {
  if (!id->machine || !id->shared)
    id->shared = UINT64_MAX - (uint64_t)comm->rank;
  id->shared = all[find_first_like_this(shared, id, 0, all)].shared;
}

eplb_status_t eplb_comm_split_shared(eplb_comm_t *comm, eplb_comm_t *subcomm, eplb_memory_id_t *id) {
  eplb_memory_id_t own = {eplb_machine_id(), eplb_shm_identity()}, *all = EPLB_NEW(eplb_memory_id_t, comm->size);
  eplb_comm_t shared;
  MPI_Comm made = MPI_COMM_NULL;
  eplb_comm_open(subcomm, MPI_COMM_NULL, comm);
  eplb_status_t status = eplb_agree(eplb_comm_outermost(comm), all ? EPLB_SUCCESS : EPLB_ERR_MEMORY);
  if (!status) {
    int code = MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &made);
    status = open_subcomm(comm, code, "finding the ranks that share memory", made, &shared);
  }
  if (!status) {
    agree_on_id(comm, &shared, &own, all);
    eplb_comm_free(&shared);
    status = eplb_comm_split(comm, find_first_like_this(comm, &own, 1, all), subcomm);
  }
  free(all);
  if (id)
    *id = own;
  return status;
}

eplb_status_t eplb_comm_split(eplb_comm_t *comm, int colour, eplb_comm_t *subcomm) {
  MPI_Comm made = MPI_COMM_NULL;
  int code = MPI_Comm_split(comm->mpi, colour, comm->rank, &made);
  return open_subcomm(comm, code, "splitting a communicator", made, subcomm);
}
