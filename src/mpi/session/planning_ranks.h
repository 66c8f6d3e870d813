/* Which ranks plan which layers, and how their plans come together on rank 0. */
#ifndef EPLB_MPI_SESSION_PLANNING_RANKS_H
#define EPLB_MPI_SESSION_PLANNING_RANKS_H

#include "core/plan/planning_step.h"
#include "mpi/session/session.h"

/* How many ranks plan: as the options say, or where they leave it open, rank 0 alone if that is short, else as many as
 * there are layers. Local, the same on every rank. Errors as eplb_plan_resolve. */
eplb_status_t eplb_planning_ranks_choose(eplb_session_t *session);

/* The layers that this rank plans; none on ranks that do not plan. Those that do are spread evenly over all ranks, and
 * rank 0 is the first. */
eplb_layers_t eplb_planning_ranks_layers(const eplb_session_t *session);

/* Where several ranks plan, in two calls, both collective. `mine` is how this rank's planning into its layers of `after`
 * ended: all ranks return the same status and sentence; if it is a failure, nothing else follows. It then lists in
 * `changes`, which has room for eplb_changed_slots_room numbers, what this rank changed. All agree before lists are sent,
 * as rank 0 may not know how long they are. */
eplb_status_t eplb_planning_ranks_agree(eplb_session_t *session, eplb_status_t mine, eplb_placement_t *after,
                                        int32_t *changes);

/* Brings these lists together in `after` of rank 0. Each rank returns its own status. */
eplb_status_t eplb_planning_ranks_gather(eplb_session_t *session, eplb_placement_t *after, int32_t *changes);

#endif
