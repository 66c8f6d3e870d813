#include "tools/commands.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

/* The number of ranks that a launcher's variable speaks of; 1 where there is none. */
static int launched(const char *variable) {
  const char *text = getenv(variable);
  int ranks = text ? atoi(text) : 1;
  return ranks > 1 ? ranks : 1;
}

int tool_mpi_start(int *argc, char ***argv) {
  MPI_Init(argc, argv);
  int ranks, open_mpi = launched("OMPI_COMM_WORLD_SIZE"), mpich = launched("PMI_SIZE");
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks > 1 || (open_mpi == 1 && mpich == 1))
    return TOOL_GOOD;
  const char *rank = getenv(open_mpi > 1 ? "OMPI_COMM_WORLD_RANK" : "PMI_RANK");
  if (rank && atoi(rank) == 0)
    fprintf(
        stderr,
        "eplb: %s's launcher started %d processes, but each is alone, because this eplb was built with another MPI; "
        "start it with that one's mpirun\n",
        open_mpi > 1 ? "Open MPI" : "MPICH", open_mpi > 1 ? open_mpi : mpich);
  MPI_Finalize();
  if (rank && atoi(rank) > 0)
    exit(TOOL_GOOD); /* a launcher that sees a failure may end the first before it has spoken */
  return TOOL_USAGE;
}
