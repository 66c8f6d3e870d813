/* See reduction.h. Messages are packed and read in the order of experts, then tensors, on both sides. */
#include "mpi/session/reduction.h"
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/element_sum.h"
#include "mpi/session/session.h"
#include <string.h>

/* Longest message, since MPI counts by int. */
enum { MAX_MESSAGE = 1 << 30 };

static char *gradient_slot(const eplb_gradient_t *g, int slot) {
  return g->slot ? g->slot[slot] : (char *)g->base + (size_t)slot * g->stride;
}

/* The part of a tensor that holder number `index` of `num_holders` adds up. */
typedef struct segment {
  size_t begin, bytes;
  int64_t count;
} segment_t;

static segment_t expert_segment(const eplb_gradient_t *g, int index, int num_holders) {
  size_t bytes = eplb_number_bytes((eplb_number_t)g->type);
  int64_t each = g->count / num_holders, more = g->count % num_holders;
  int64_t begin = each * index + (index < more ? index : more), count = each + (index < more);
  return (segment_t){(size_t)begin * bytes, (size_t)count * bytes, count};
}

/* ---- who shares what ---- */

/* Adds the expert if it has more than one replica; its slots are ascending, and so are their ranks. */
static void add_replicas(const eplb_session_t *s, eplb_reduction_t *r, int expert, int *num_held, int *num_owned) {
  const int32_t *slot = eplb_placement_replicas(s->placement, r->layer, expert);
  int replicas = eplb_placement_counts(s->placement, r->layer)[expert], first = s->topology->slot_begin[s->rank];
  eplb_shared_expert_t *x = &r->shared[r->num_shared];
  *x = (eplb_shared_expert_t){.holder_begin = *num_held, .slot_begin = *num_owned};
  for (int k = 0; k < replicas; k++) {
    int rank = eplb_topology_device_of_slot(s->topology, slot[k]);
    if (!x->num_holders || r->holder[*num_held + x->num_holders - 1] != rank)
      r->holder[*num_held + x->num_holders++] = rank;
    if (rank == s->rank) {
      x->own_index = x->num_holders - 1;
      r->slot[*num_owned + x->num_slots++] = slot[k] - first;
    }
  }
  *num_held += x->num_holders;
  *num_owned += x->num_slots;
  r->num_shared++;
}

/* In the order of experts, each once. */
static void find_shared(const eplb_session_t *s, eplb_reduction_t *r) {
  int num_held = 0, num_owned = 0, first = s->topology->slot_begin[s->rank],
      last = s->topology->slot_begin[s->rank + 1];
  for (int e = 0; e < s->options.num_experts; e++) {
    const int32_t *slot = eplb_placement_replicas(s->placement, r->layer, e);
    int replicas = eplb_placement_counts(s->placement, r->layer)[e], is_own = 0;
    for (int k = 0; k < replicas; k++)
      is_own |= slot[k] >= first && slot[k] < last;
    if (is_own && replicas > 1)
      add_replicas(s, r, e, &num_held, &num_owned);
  }
}

static eplb_reduction_peer_t *peer_with(eplb_reduction_t *r, int rank) {
  if (r->peer_of[rank] < 0) {
    r->peer_of[rank] = r->num_peers;
    r->peer[r->num_peers++] = (eplb_reduction_peer_t){.rank = rank};
  }
  return &r->peer[r->peer_of[rank]];
}

/* The peers, and the bytes for each. Returns those of the buffer. */
static size_t measure(eplb_reduction_t *r) {
  size_t bytes = 0;
  for (int i = 0; i < r->num_shared; i++) {
    const eplb_shared_expert_t *x = &r->shared[i];
    for (int h = 0; h < x->num_holders; h++)
      for (int g = 0; g < r->num_gradients && h != x->own_index; g++) {
        eplb_reduction_peer_t *peer = peer_with(r, r->holder[x->holder_begin + h]);
        peer->theirs_bytes += expert_segment(&r->gradient[g], h, x->num_holders).bytes;
        peer->ours_bytes += expert_segment(&r->gradient[g], x->own_index, x->num_holders).bytes;
      }
  }
  for (int p = 0; p < r->num_peers; p++) {
    r->peer[p].theirs_begin = bytes;
    r->peer[p].ours_begin = bytes += r->peer[p].theirs_bytes;
    bytes += r->peer[p].ours_bytes;
  }
  return bytes;
}

static eplb_status_t allocate_lists(const eplb_session_t *s, int num_gradients, eplb_reduction_t *r) {
  int own_slots = eplb_session_num_slots(s);
  r->gradient = EPLB_NEW(eplb_gradient_t, num_gradients);
  r->shared = EPLB_NEW(eplb_shared_expert_t, own_slots);
  r->holder = EPLB_NEW(int, s->placement->num_slots);
  r->slot = EPLB_NEW(int, own_slots);
  r->peer = EPLB_NEW(eplb_reduction_peer_t, s->num_ranks);
  r->peer_of = EPLB_NEW(int, s->num_ranks);
  r->operand = EPLB_NEW(const void *, s->num_ranks > own_slots ? s->num_ranks : own_slots);
  int has_all = r->gradient && r->shared && r->holder && r->slot && r->peer && r->peer_of && r->operand;
  return has_all ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

static eplb_status_t allocate_messages(eplb_reduction_t *r) {
  size_t messages = 0;
  r->buffer = EPLB_NEW(char, measure(r));
  for (int p = 0; p < r->num_peers; p++)
    messages += r->peer[p].theirs_bytes / MAX_MESSAGE + r->peer[p].ours_bytes / MAX_MESSAGE + 2;
  r->request = EPLB_NEW(MPI_Request, messages);
  r->completed = EPLB_NEW(int, messages);
  return r->buffer && r->request && r->completed ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

eplb_status_t eplb_reduction_prepare(const eplb_session_t *s, int layer, const eplb_gradient_t *gradient,
                                     int num_gradients, eplb_reduction_t *r) {
  *r = (eplb_reduction_t){.layer = layer};
  eplb_status_t status = allocate_lists(s, num_gradients, r);
  if (!status) {
    for (int g = 0; g < num_gradients; g++)
      if (gradient[g].count) /* else it may have no address */
        r->gradient[r->num_gradients++] = gradient[g];
    for (int rank = 0; rank < s->num_ranks; rank++)
      r->peer_of[rank] = -1;
    find_shared(s, r);
    status = allocate_messages(r);
  }
  if (status)
    eplb_reduction_free(r);
  return status;
}

void eplb_reduction_free(eplb_reduction_t *r) {
  void *const array[] = {r->gradient, r->shared,          r->holder, r->slot,    r->peer,
                         r->peer_of,  (void *)r->operand, r->buffer, r->request, r->completed};
  for (size_t i = 0; i < sizeof array / sizeof *array; i++)
    free(array[i]);
  *r = (eplb_reduction_t){.phase = EPLB_REDUCTION_CLOSED};
}

/* ---- sums ---- */

/* This rank's replicas of each expert, in the order of slots, into the first of them. */
static void sum_own_slots(eplb_reduction_t *r) {
  for (int i = 0; i < r->num_shared; i++)
    for (int g = 0; g < r->num_gradients && r->shared[i].num_slots > 1; g++) {
      const int *slot = r->slot + r->shared[i].slot_begin;
      for (int k = 0; k < r->shared[i].num_slots; k++)
        r->operand[k] = gradient_slot(&r->gradient[g], slot[k]);
      eplb_element_sum((eplb_number_t)r->gradient[g].type, r->gradient[g].count, r->operand, r->shared[i].num_slots,
                       gradient_slot(&r->gradient[g], slot[0]));
    }
}

/* The sum from the first of this rank's replicas to the others. */
static void copy_to_own_slots(const eplb_reduction_t *r) {
  for (int i = 0; i < r->num_shared; i++)
    for (int g = 0; g < r->num_gradients; g++) {
      const int *slot = r->slot + r->shared[i].slot_begin;
      size_t bytes = (size_t)r->gradient[g].count * eplb_number_bytes((eplb_number_t)r->gradient[g].type);
      for (int k = 1; k < r->shared[i].num_slots && bytes; k++)
        memcpy(gradient_slot(&r->gradient[g], slot[k]), gradient_slot(&r->gradient[g], slot[0]), bytes);
    }
}

static void sum_segment(eplb_reduction_t *r, const eplb_shared_expert_t *x, const eplb_gradient_t *g) {
  segment_t own = expert_segment(g, x->own_index, x->num_holders);
  char *result = gradient_slot(g, r->slot[x->slot_begin]) + own.begin;
  for (int h = 0; h < x->num_holders; h++) {
    r->operand[h] = result;
    if (h == x->own_index)
      continue;
    eplb_reduction_peer_t *peer = &r->peer[r->peer_of[r->holder[x->holder_begin + h]]];
    r->operand[h] = r->buffer + peer->cursor;
    peer->cursor += own.bytes;
  }
  eplb_element_sum((eplb_number_t)g->type, own.count, r->operand, x->num_holders, result);
}

/* Of all holders' segments that this rank adds up. */
static void sum_segments(eplb_reduction_t *r) {
  for (int p = 0; p < r->num_peers; p++)
    r->peer[p].cursor = r->peer[p].ours_begin;
  for (int i = 0; i < r->num_shared; i++)
    for (int g = 0; g < r->num_gradients; g++)
      sum_segment(r, &r->shared[i], &r->gradient[g]);
}

/* ---- messages ---- */

/* Copies segments between this rank's first replicas and the buffer: those that the peers add up, or its own. */
static void copy_segments(eplb_reduction_t *r, int are_ours, int is_packing) {
  for (int p = 0; p < r->num_peers; p++)
    r->peer[p].cursor = are_ours ? r->peer[p].ours_begin : r->peer[p].theirs_begin;
  for (int i = 0; i < r->num_shared; i++) {
    const eplb_shared_expert_t *x = &r->shared[i];
    for (int h = 0; h < x->num_holders; h++)
      for (int g = 0; g < r->num_gradients && h != x->own_index; g++) {
        eplb_reduction_peer_t *peer = &r->peer[r->peer_of[r->holder[x->holder_begin + h]]];
        segment_t part = expert_segment(&r->gradient[g], are_ours ? x->own_index : h, x->num_holders);
        char *weights = gradient_slot(&r->gradient[g], r->slot[x->slot_begin]) + part.begin,
             *packed = r->buffer + peer->cursor;
        if (part.bytes)
          memcpy(is_packing ? packed : weights, is_packing ? weights : packed, part.bytes);
        peer->cursor += part.bytes;
      }
  }
}

static void post(eplb_reduction_t *r, int rank, int is_send, size_t begin, size_t bytes) {
  int tag = 2 * (r->layer % 8192) + (r->phase == EPLB_REDUCTION_GATHER);
  for (size_t sent = 0; sent < bytes && !eplb_comm_status(r->comm); sent += MAX_MESSAGE) {
    char *part = r->buffer + begin + sent;
    int count = (int)(bytes - sent < MAX_MESSAGE ? bytes - sent : MAX_MESSAGE);
    MPI_Request *request = &r->request[r->num_requests];
    *request = MPI_REQUEST_NULL;
    int code = is_send ? MPI_Isend(part, count, MPI_BYTE, rank, tag, r->comm->mpi, request)
                       : MPI_Irecv(part, count, MPI_BYTE, rank, tag, r->comm->mpi, request);
    if (eplb_comm_ok(r->comm, code, is_send ? "sending gradients" : "receiving gradients") ||
        *request != MPI_REQUEST_NULL)
      r->num_requests++;
  }
}

/* Packs and sends segments to the peers: theirs while they are scattered, then ours; the others come. */
static void exchange(eplb_reduction_t *r, eplb_reduction_phase_t phase) {
  int sends_ours = phase == EPLB_REDUCTION_GATHER;
  r->phase = phase;
  r->num_requests = 0;
  copy_segments(r, sends_ours, 1);
  for (int is_send = 0; is_send < 2; is_send++)
    for (int p = 0; p < r->num_peers; p++) {
      const eplb_reduction_peer_t *peer = &r->peer[p];
      int is_ours = is_send == sends_ours;
      post(r, peer->rank, is_send, is_ours ? peer->ours_begin : peer->theirs_begin,
           is_ours ? peer->ours_bytes : peer->theirs_bytes);
    }
}

void eplb_reduction_start(eplb_reduction_t *r, eplb_comm_t *comm) {
  r->comm = comm;
  sum_own_slots(r);
  exchange(r, EPLB_REDUCTION_SCATTER);
}

static void finish_phase(eplb_reduction_t *r) {
  if (r->phase == EPLB_REDUCTION_SCATTER) {
    sum_segments(r);
    exchange(r, EPLB_REDUCTION_GATHER);
    return;
  }
  copy_segments(r, 0, 0);
  copy_to_own_slots(r);
  r->phase = EPLB_REDUCTION_DONE;
}

int eplb_reduction_progress(eplb_reduction_t *r) {
  if (r->phase == EPLB_REDUCTION_DONE)
    return 0;
  if (eplb_comm_status(r->comm)) {
    eplb_reduction_abandon(r);
    return 1;
  }
  int done = MPI_UNDEFINED;
  if (r->num_requests) {
    int code = MPI_Testsome(r->num_requests, r->request, &done, r->completed, MPI_STATUSES_IGNORE);
    if (!eplb_comm_ok(r->comm, code, "exchanging gradients"))
      return 1;
  }
  if (done == MPI_UNDEFINED)
    finish_phase(r);
  return done != 0;
}

/* As transport_mpi.c: all receives are cancelled before any is tested; what MPI does not let go is left to it. */
void eplb_reduction_abandon(eplb_reduction_t *r) {
  int is_lost = 0;
  for (int i = 0; i < r->num_requests; i++)
    if (r->request[i] != MPI_REQUEST_NULL)
      eplb_comm_ok(r->comm, MPI_Cancel(&r->request[i]), "giving up a message");
  for (int i = 0; i < r->num_requests; i++) {
    int done = 0;
    if (r->request[i] == MPI_REQUEST_NULL)
      continue;
    eplb_comm_ok(r->comm, MPI_Test(&r->request[i], &done, MPI_STATUS_IGNORE), "giving up a message");
    is_lost |= !done;
    if (r->request[i] != MPI_REQUEST_NULL)
      eplb_comm_ok(r->comm, MPI_Request_free(&r->request[i]), "giving up a message");
  }
  if (is_lost) /* MPI may still touch it */
    r->buffer = NULL;
  r->comm->has_strays = 1;
  r->num_requests = 0;
  r->phase = EPLB_REDUCTION_DONE;
}
