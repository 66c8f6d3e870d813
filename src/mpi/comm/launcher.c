/* Compares the number of ranks with what the launchers' environment variables say. */
#include "mpi/comm/launcher.h"
#include "mpi/comm/comm.h"
#include <stdlib.h>

/* A number in the environment, or `otherwise`. */
static int integer_variable(const char *variable, int otherwise) {
  const char *text = getenv(variable);
  return text ? atoi(text) : otherwise;
}

eplb_status_t eplb_launcher_check(int *rank) {
  int known = 1, open_mpi = integer_variable("OMPI_COMM_WORLD_SIZE", 1), mpich = integer_variable("PMI_SIZE", 1);
  eplb_status_t status = eplb_mpi(MPI_Comm_size(MPI_COMM_WORLD, &known), "asking how many ranks the job has");
  *rank = integer_variable(open_mpi > 1 ? "OMPI_COMM_WORLD_RANK" : "PMI_RANK", 0);
  if (status || known > 1 || (open_mpi <= 1 && mpich <= 1))
    return status;
  return eplb_fail(EPLB_ERR_UNSUPPORTED,
                   "%s's launcher started %d processes, but each is alone, because this program was built with another "
                   "MPI; start it with that one's mpirun",
                   open_mpi > 1 ? "Open MPI" : "MPICH", open_mpi > 1 ? open_mpi : mpich);
}

/* Slurm's is last: a launcher within a job hands on that of the batch script. */
int eplb_launcher_local_rank(void) {
  static const char *const variables[] = {"OMPI_COMM_WORLD_LOCAL_RANK", /* Open MPI */
                                          "MPI_LOCALRANKID",            /* Hydra: MPICH, Intel MPI */
                                          "MV2_COMM_WORLD_LOCAL_RANK",  /* MVAPICH2 */
                                          "PALS_LOCAL_RANKID",          /* HPE Cray PALS */
                                          "FLUX_TASK_LOCAL_ID",
                                          "SLURM_LOCALID"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    int number = integer_variable(variables[i], -1);
    if (number >= 0)
      return number;
  }
  return -1;
}
