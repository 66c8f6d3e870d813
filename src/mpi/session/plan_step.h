/* Makes a new mapping on all ranks from the counts of all ranks. */
#ifndef EPLB_MPI_SESSION_PLAN_STEP_H
#define EPLB_MPI_SESSION_PLAN_STEP_H

#include "mpi/session/session.h"

/* Reduces the session's window to rank 0, plans there from the session's placement, and broadcasts what changes:
 * `after`, a copy of the session's placement, gets the new mapping and its inverse on every rank. `changes` has room for
 * eplb_changed_slots_room numbers. Layers without counts keep their placement. Sets the report's times, bytes,
 * balancedness and decision, and logs the latter. Collective; every rank returns the same status and sentence. */
eplb_status_t eplb_plan_step(eplb_session_t *session, eplb_placement_t *after, int32_t *changes, eplb_report_t *report);

#endif
