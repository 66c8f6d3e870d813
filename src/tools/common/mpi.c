/* Starts MPI for the tool and makes sure that its launcher is of the same MPI. */
#include "mpi/comm/launcher.h"
#include "tools/common/commands.h"
#include <mpi.h>
#include <stdlib.h>

int tool_mpi_start(int *argc, char ***argv) {
  int rank;
  MPI_Init(argc, argv);
  eplb_status_t status = eplb_launcher_check(&rank);
  if (!status)
    return TOOL_GOOD;
  if (rank == 0)
    tool_report(status);
  MPI_Finalize();
  if (rank > 0)
    exit(TOOL_GOOD); /* a launcher that sees a failure may end the first before it has spoken */
  return TOOL_USAGE;
}
