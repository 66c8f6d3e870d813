/* The job's tokens: which slots this rank has, the session's dispatch tables, and the exchange that tells each rank how
 * many rows it will receive for each of its slots. */
#include "core/model/placement.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/compare.h"
#include "mpi/session/in_step.h"
#include "mpi/session/traffic.h"
#include <string.h>

/* In a block, before the rows for each slot. */
enum { BLOCK_STATUS, BLOCK_LAYER, BLOCK_ROWS };

const int32_t *eplb_session_slots(const eplb_session_t *session, int layer, int *num_slots) {
  int is_there = session && layer >= 0 && layer < session->options.num_layers;
  if (num_slots)
    *num_slots = is_there ? eplb_session_num_slots(session) : 0;
  return is_there ? eplb_placement_row(session->placement, layer) + session->topology->slot_begin[session->rank] : NULL;
}

/* ---- dispatch tables ---- */

eplb_status_t eplb_session_dispatch(eplb_session_t *session, eplb_dispatch_t **dispatch) {
  if (!session || !dispatch)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", session ? "dispatch" : "session");
  eplb_status_t status = EPLB_SUCCESS;
  if (!session->dispatch)
    status = eplb_dispatch_create(session->topology, session->placement, &session->dispatch);
  if (!status)
    *dispatch = session->dispatch;
  return status;
}

void eplb_session_index_layer(eplb_session_t *s, int layer) {
  eplb_placement_index_layer(s->placement, layer);
  if (s->dispatch)
    eplb_dispatch_update(s->dispatch, layer);
}

/* ---- routings ---- */

static eplb_status_t create_local_routing(eplb_session_t *s, int max_choices, eplb_split_t split, eplb_routing_t **r) {
  eplb_dispatch_t *dispatch;
  eplb_status_t status = eplb_session_dispatch(s, &dispatch);
  if (!status && s->traffic && s->traffic->has_split && s->traffic->split != split)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "split is %d; expected %d, as in the session's first routing", (int)split,
                       (int)s->traffic->split);
  return status ? status : eplb_routing_create(dispatch, s->rank, max_choices, split, r);
}

eplb_status_t eplb_session_routing_create(eplb_session_t *session, int max_choices, eplb_split_t split,
                                          eplb_routing_t **routing) {
  if (!session)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_routing_t *r = NULL;
  eplb_status_t mine =
      routing ? create_local_routing(session, max_choices, split, &r) : eplb_fail(EPLB_ERR_ARGUMENT, "routing is NULL");
  eplb_status_t status = eplb_in_step(session, EPLB_CALL_ROUTING, mine, (uint64_t)split, 0);
  if (!status && !eplb_ballot_same_tag(&session->ballot))
    status = eplb_fail(EPLB_ERR_MISMATCH, "ranks create routings of different splits; expected the same on every rank");
  if (!status)
    status = eplb_traffic_open(session);
  if (status) {
    eplb_routing_destroy(&r);
    return status;
  }
  session->traffic->split = split;
  session->traffic->has_split = 1;
  *routing = r;
  return EPLB_SUCCESS;
}

/* ---- a batch ---- */

static eplb_status_t check_routing_of(const eplb_session_t *s, const eplb_routing_t *r) {
  if (!r)
    return eplb_fail(EPLB_ERR_ARGUMENT, "routing is NULL");
  if (r->dispatch != s->dispatch || r->rank != s->rank)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the routing is of another dispatch; expected one of "
                                        "eplb_session_routing_create with this session");
  return EPLB_SUCCESS;
}

static eplb_status_t check_layer_of(const eplb_session_t *s, int layer) {
  if (layer < 0 || layer >= s->options.num_layers)
    return eplb_fail(EPLB_ERR_ARGUMENT, "layer is %d; expected 0 to %d", layer, s->options.num_layers - 1);
  return EPLB_SUCCESS;
}

/* Sums the ranks' choices and makes shares of them. A rank that has failed adds zeros. */
static eplb_status_t find_shares(eplb_session_t *s, int layer, const eplb_choices_t *choices, eplb_status_t mine) {
  eplb_traffic_t *t = s->traffic;
  int experts = s->options.num_experts;
  if (!mine)
    mine = eplb_choices_count(choices, experts, t->sum);
  if (mine)
    memset(t->sum, 0, (size_t)experts * sizeof *t->sum);
  int code = MPI_Allreduce(MPI_IN_PLACE, t->sum, experts, MPI_INT64_T, MPI_SUM, t->comm.mpi);
  if (!eplb_comm_ok(&t->comm, code, "adding up the ranks' choices"))
    return mine ? mine : eplb_comm_status(&t->comm);
  return mine ? mine : eplb_dispatch_shares(s->dispatch, layer, t->sum, t->share);
}

static void fill_blocks(const eplb_session_t *s, int layer, eplb_status_t mine, const eplb_routing_t *r) {
  eplb_traffic_t *t = s->traffic;
  const int *slot_begin = s->topology->slot_begin;
  for (int rank = 0; rank < s->num_ranks; rank++) {
    int32_t *block = t->out + (size_t)rank * (size_t)t->stride;
    memset(block, 0, (size_t)t->stride * sizeof *block);
    block[BLOCK_STATUS] = (int32_t)mine;
    block[BLOCK_LAYER] = layer;
    if (!mine)
      memcpy(block + BLOCK_ROWS, r->sent_to + slot_begin[rank],
             (size_t)(slot_begin[rank + 1] - slot_begin[rank]) * sizeof *block);
  }
}

/* All ranks have the heads of all blocks, so they end alike. */
static eplb_status_t agree_by_blocks(const eplb_session_t *s, eplb_status_t mine) {
  eplb_traffic_t *t = s->traffic;
  int32_t worst = EPLB_SUCCESS, other = 0;
  for (int rank = 0; rank < s->num_ranks; rank++) {
    const int32_t *block = t->in + (size_t)rank * (size_t)t->stride;
    worst = block[BLOCK_STATUS] < worst ? block[BLOCK_STATUS] : worst;
    other = other || block[BLOCK_LAYER] == t->in[BLOCK_LAYER] ? other : rank;
  }
  if (worst)
    return eplb_share_failure(&t->comm, mine, (eplb_status_t)worst);
  if (other)
    return eplb_fail(EPLB_ERR_MISMATCH, "rank 0 routes layer %d, rank %d layer %d; expected the same on every rank",
                     t->in[BLOCK_LAYER], other, t->in[(size_t)other * (size_t)t->stride + BLOCK_LAYER]);
  return EPLB_SUCCESS;
}

/* Takes the rows for each own slot out of the blocks, packed. */
static eplb_status_t take_blocks(const eplb_session_t *s, eplb_routing_t *r) {
  eplb_traffic_t *t = s->traffic;
  size_t slots = (size_t)r->own_slots;
  for (size_t rank = 0; rank < (size_t)s->num_ranks; rank++)
    memmove(t->in + rank * slots, t->in + rank * (size_t)t->stride + BLOCK_ROWS, slots * sizeof *t->in);
  return eplb_routing_receive(r, t->in);
}

eplb_status_t eplb_session_route(eplb_session_t *session, int layer, const eplb_choices_t *choices,
                                 eplb_routing_t *routing) {
  eplb_session_t *s = session;
  if (!s)
    return eplb_fail(EPLB_ERR_ARGUMENT, "session is NULL");
  eplb_traffic_t *t = s->traffic;
  if (!t || !t->has_split)
    return eplb_fail(EPLB_ERR_STATE, "the session has no routing; call eplb_session_routing_create first");
  if (eplb_comm_is_broken(s->comm))
    return eplb_comm_status(s->comm);
  eplb_status_t mine = check_routing_of(s, routing);
  if (!mine)
    mine = check_layer_of(s, layer);
  if (t->split == EPLB_SPLIT_SHARES)
    mine = find_shares(s, layer, choices, mine);
  if (!mine)
    mine = eplb_routing_plan(routing, layer, choices, t->share);
  mine = eplb_own_status(s->comm, mine);
  fill_blocks(s, layer, mine, routing);
  int code = MPI_Alltoall(t->out, t->stride, MPI_INT32_T, t->in, t->stride, MPI_INT32_T, t->comm.mpi);
  if (!eplb_comm_ok(&t->comm, code, "exchanging numbers of rows"))
    return eplb_comm_status(&t->comm); /* the others learn of it from the next call */
  eplb_status_t status = agree_by_blocks(s, mine);
  return status ? status : take_blocks(s, routing);
}
