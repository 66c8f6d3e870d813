#include "mpi/comm/communicator.h"

eplb_status_t eplb_communicator_check(MPI_Comm comm) {
  int is_inter = 0;
  if (comm == MPI_COMM_NULL)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the communicator is MPI_COMM_NULL");
  MPI_Comm_test_inter(comm, &is_inter);
  if (is_inter)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the communicator joins two groups; expected an intracommunicator: "
                                        "MPI_Intercomm_merge makes one of it");
  return EPLB_SUCCESS;
}
