/* What the launcher says of this process. If a program of one MPI runs under the launcher of another, each process is
 * alone in MPI_COMM_WORLD. */
#ifndef EPLB_MPI_COMM_LAUNCHER_H
#define EPLB_MPI_COMM_LAUNCHER_H

#include <eplb/status.h>

/* Checks that MPI_COMM_WORLD has as many ranks as the launcher says it started. Sets *rank to this process's number
 * according to the launcher, or to 0. Local. EPLB_ERR_UNSUPPORTED, EPLB_ERR_MPI. */
eplb_status_t eplb_launcher_check(int *rank);

/* This process's number among those that the launcher started on this host, or -1 if the launcher does not say. Local. */
int eplb_launcher_local_rank(void);

#endif
