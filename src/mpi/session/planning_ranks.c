/* Which ranks plan which layers: few ranks if planning is fast, else each rank some consecutive layers; rank 0
 * collects the plans. */
#include "mpi/session/planning_ranks.h"
#include "core/model/placement.h"
#include "core/plan/planning_work.h"
#include "core/transfer/changed_slots.h"
#include "mpi/comm/agree.h"

eplb_status_t eplb_planning_ranks_choose(eplb_session_t *s) {
  eplb_plan_options_t resolved;
  eplb_plan_options_init(&resolved);
  eplb_status_t status = eplb_plan_resolve(s->options.plan, s->topology, &resolved);
  if (!status)
    s->num_planning = eplb_planning_num_ranks(&resolved, s->topology, s->options.num_layers, s->options.plan_ranks);
  return status;
}

/* The first rank from `rank` on that plans is number *part of them. */
static int next_planning_rank(const eplb_session_t *s, int rank, int *part) {
  *part = (int)(((int64_t)rank * s->num_planning + s->num_ranks - 1) / s->num_ranks);
  return (int)((int64_t)*part * s->num_ranks / s->num_planning);
}

eplb_layers_t eplb_planning_ranks_layers(const eplb_session_t *s) {
  int part;
  if (next_planning_rank(s, s->rank, &part) != s->rank)
    return (eplb_layers_t){0, 0};
  return eplb_layers_of_part(s->options.num_layers, s->num_planning, part);
}

/* Lists what this rank changed. On all ranks but rank 0 its layers of `after` are then again what they were: whether
 * they change is decided on rank 0. */
static int list_own(const eplb_session_t *s, eplb_placement_t *after, int32_t *changes) {
  eplb_layers_t own = eplb_planning_ranks_layers(s);
  size_t length = 0;
  for (int l = own.first; l < own.first + own.count; l++) {
    length = eplb_changed_slots_add(s->placement, after, l, changes, length);
    if (s->rank > 0)
      eplb_placement_copy_layer(s->placement, after, l);
  }
  return (int)length;
}

eplb_status_t eplb_planning_ranks_agree(eplb_session_t *s, eplb_status_t mine, eplb_placement_t *after,
                                        int32_t *changes) {
  int own = mine ? 0 : list_own(s, after, changes);
  s->list_length[0] = own;
  eplb_comm_ok(s->comm, MPI_Gather(&own, 1, MPI_INT, s->list_length, 1, MPI_INT, 0, s->comm->mpi),
               "gathering how much ranks planned");
  return eplb_agree(s->comm, mine);
}

eplb_status_t eplb_planning_ranks_gather(eplb_session_t *s, eplb_placement_t *after, int32_t *changes) {
  int is_root = s->rank == 0, total = 0;
  for (int r = 0; is_root && r < s->num_ranks; total += s->list_length[r++])
    s->list_begin[r] = total;
  int code = MPI_Gatherv(is_root ? MPI_IN_PLACE : changes, s->list_length[0], MPI_INT32_T, changes, s->list_length,
                         s->list_begin, MPI_INT32_T, 0, s->comm->mpi);
  if (!eplb_comm_ok(s->comm, code, "gathering what ranks planned"))
    return eplb_comm_status(s->comm);
  return is_root ? eplb_changed_slots_take(changes, (size_t)total, after) : EPLB_SUCCESS;
}
