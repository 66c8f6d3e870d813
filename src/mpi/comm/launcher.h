/* Detects a program of one MPI under the launcher of another: each process is then alone in MPI_COMM_WORLD. */
#ifndef EPLB_MPI_COMM_LAUNCHER_H
#define EPLB_MPI_COMM_LAUNCHER_H

#include <eplb/status.h>

/* Whether MPI knows of as many ranks as the launcher says it started. Local. EPLB_ERR_UNSUPPORTED, EPLB_ERR_MPI. In
 * *rank this process's number, as the launcher has it, or 0. */
eplb_status_t eplb_launcher_check(int *rank);

#endif
