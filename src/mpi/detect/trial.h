/* Runs a function that may crash in a child process. */
#ifndef EPLB_MPI_DETECT_TRIAL_H
#define EPLB_MPI_DETECT_TRIAL_H

#include <eplb/status.h>

/* Runs attempt(arg) in a child process, quietly and for no more than some seconds; returns its status and sets its
 * sentence. Local. EPLB_ERR_INTERNAL: it crashed or took too long; EPLB_ERR_MEMORY, also if no process could be
 * created. */
eplb_status_t eplb_try(eplb_status_t (*attempt)(void *arg), void *arg);

#endif
