/* Ranks that will leave the session: the rebalances that follow plan for the others. */
#include "core/model/remaining.h"
#include "core/util/alloc.h"
#include "mpi/comm/compare.h"
#include "mpi/session/in_step.h"
#include <xxhash.h>

/* A copy of leaving[num_ranks], and in *any whether a rank leaves. Local. */
static eplb_status_t copy_leaving(const eplb_session_t *s, const int *given, int **copy, int *any) {
  int *leaving = *copy = EPLB_NEW(int, s->num_ranks);
  if (!leaving)
    return EPLB_ERR_MEMORY;
  *any = 0;
  for (int r = 0; r < s->num_ranks && given; r++) {
    if (given[r] != 0 && given[r] != 1)
      return eplb_fail(EPLB_ERR_ARGUMENT, "leaving[%d] is %d; expected 0 or 1", r, given[r]);
    leaving[r] = given[r];
    *any |= given[r];
  }
  return EPLB_SUCCESS;
}

/* Whether the other ranks have room for all experts, and can be planned for. Local. */
static eplb_status_t check_rest(const eplb_session_t *s, const int *leaving, eplb_topology_t **rest) {
  eplb_placement_t *drained = NULL;
  eplb_status_t status = eplb_placement_drain(s->topology, s->placement, leaving, &drained);
  eplb_placement_destroy(&drained);
  if (!status)
    status = eplb_remaining_topology(s->topology, leaving, rest);
  return status ? status : eplb_session_try_planner(s, *rest);
}

eplb_status_t eplb_session_drain(eplb_session_t *session, const int *leaving) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_session_t *s = session;
  int *copy = NULL, any = 0;
  eplb_topology_t *rest = NULL;
  eplb_status_t status =
      s->rebalancing ? eplb_fail(EPLB_ERR_STATE, "ranks cannot be drained while a rebalance is open") : EPLB_SUCCESS;
  if (!status)
    status = copy_leaving(s, leaving, &copy, &any);
  if (!status && any)
    status = check_rest(s, copy, &rest);
  uint64_t hash = status ? 0 : XXH3_64bits(copy, (size_t)s->num_ranks * sizeof *copy);
  status = eplb_in_step(s, EPLB_CALL_DRAIN, status, hash, 0);
  const eplb_compared_t given = {"lists of leaving ranks", (int64_t)(hash >> 1), 1};
  if (!status && !eplb_ballot_same_tag(&s->ballot))
    status = eplb_agree_on(s->comm, EPLB_SUCCESS, &given, 1);
  if (status) {
    free(copy);
    eplb_topology_destroy(&rest);
    return status;
  }
  free(s->leaving);
  eplb_topology_destroy(&s->rest);
  s->leaving = copy;
  s->rest = rest;
  return EPLB_SUCCESS;
}
