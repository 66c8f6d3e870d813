/* Makes a new mapping on all ranks from the counts of all ranks. */
#ifndef EPLB_MPI_SESSION_PLAN_STEP_H
#define EPLB_MPI_SESSION_PLAN_STEP_H

#include "mpi/session/session.h"

/* Reduces the session's window to rank 0, plans there from the session's placement, and broadcasts: `after`, allocated
 * by the caller with the session's sizes, gets the mapping and its inverse on every rank. Layers without counts keep
 * their placement. Sets the report's times, balancedness and decision, and logs the latter. Collective; every rank
 * returns the same status and sentence. */
eplb_status_t eplb_plan_step(eplb_session_t *session, eplb_placement_t *after, eplb_report_t *report);

#endif
