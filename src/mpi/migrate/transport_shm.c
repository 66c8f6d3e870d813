/* Weights through the memory that ranks of a node share. Problem: ranks of a node exchange experts faster than MPI's
 * messages do. Method: the sender posts a message to the receiver's queue (shm_queue.h) that says where the bytes
 * are: in a cell of shared memory, into which it has copied one chunk; or, without a copy by the sender, in a region
 * that the receiver can read (shm_region.h), or in the sender's own memory, out of which the kernel copies (cma.h).
 * Each takes O(bytes); posting and reading take no system call but that of the kernel's copy. */
#include "core/util/alloc.h"
#include "mpi/migrate/chunk.h"
#include "mpi/migrate/transport.h"
#include <string.h>

typedef struct shm_transport {
  const eplb_migrate_context_t *context;
  const eplb_migration_plan_t *plan;
  uint64_t *incoming_hash;
  int32_t *by_tag_begin; /* [neighbours]: each neighbour's part of by_tag */
  int32_t *by_tag;       /* [num_incoming]: incoming of the round, by neighbour and tag */
  int64_t *taken;        /* [neighbours]: chunks that are read of the message at the head of its queue */
  int next;              /* neighbour to ask first */
  struct iovec *piece;
} shm_transport_t;

static size_t shm_longest_chunk(const eplb_migrate_context_t *c, int peer) {
  return c->memory->host_can_touch && eplb_shm_queue_reaches(c->queue, peer) ? eplb_shm_queue_chunk(c->queue) : 0;
}

static void shm_destroy(void *self) {
  shm_transport_t *t = self;
  if (!t)
    return;
  free(t->by_tag_begin);
  free(t->by_tag);
  free(t->taken);
  free(t->piece);
  free(t);
}

static eplb_status_t shm_create(const eplb_migrate_context_t *c, const eplb_migration_plan_t *plan, int window,
                                uint64_t *incoming_hash, void **self) {
  (void)window;
  int neighbours = eplb_shm_queue_neighbours(c->queue);
  shm_transport_t *t = *self = EPLB_NEW(shm_transport_t, 1);
  if (!t)
    return EPLB_ERR_MEMORY;
  *t = (shm_transport_t){.context = c,
                         .plan = plan,
                         .incoming_hash = incoming_hash,
                         .by_tag_begin = EPLB_NEW(int32_t, neighbours),
                         .by_tag = EPLB_NEW(int32_t, plan->num_incoming),
                         .taken = EPLB_NEW(int64_t, neighbours),
                         .piece = EPLB_NEW(struct iovec, eplb_chunk_most_pieces(c))};
  return t->by_tag_begin && t->by_tag && t->taken && t->piece ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

static void shm_start(void *self, const eplb_round_t *round) {
  shm_transport_t *t = self;
  const eplb_shm_queue_t *queue = t->context->queue;
  int32_t used = 0;
  for (int n = 0; n < eplb_shm_queue_neighbours(queue); n++) {
    t->by_tag_begin[n] = used;
    for (int i = round->incoming_begin; i < round->incoming_end; i++)
      if (t->plan->incoming[i].own_slot < 0 && t->plan->incoming[i].message.peer == eplb_shm_queue_rank(queue, n))
        t->by_tag[used++] = i; /* transfers are in the order of tags */
  }
}

/* ---- sending ---- */

static void pack_pieces(const struct iovec *piece, int pieces, char *to) {
  for (int i = 0; i < pieces; to += piece[i++].iov_len)
    memcpy(to, piece[i].iov_base, piece[i].iov_len);
}

/* Puts one chunk into a cell; returns 0 if no cell is free. */
static int64_t send_copy(shm_transport_t *t, const eplb_open_message_t *out, eplb_transport_report_t *report) {
  const eplb_migrate_context_t *c = t->context;
  const eplb_message_t *message = out->message;
  int cell;
  char *bytes = eplb_shm_queue_take(c->queue, &cell);
  if (!bytes)
    return 0;
  size_t begin, end;
  eplb_chunk_bounds(c, message, out->sent, &begin, &end);
  pack_pieces(t->piece, eplb_chunk_pieces(c, message, out->hash, begin, end, t->piece), bytes);
  eplb_failure_keep(&report->failure, eplb_migrate_fault(c, EPLB_STEP_SEND, bytes, end - begin));
  eplb_shm_queue_post(c->queue, message->peer,
                      &(eplb_shm_message_t){.cell = cell, .tag = message->tag, .chunk = out->sent, .count = 1});
  return 1;
}

/* Whether the receiver can read the bytes where they lie; notes where that is. */
static int find_source(const eplb_migrate_context_t *c, const char *address, size_t bytes,
                       eplb_shm_message_t *message) {
  if (eplb_shm_regions_find(c->regions, address, bytes, &message->region, &message->offset))
    return 1;
  message->region = -1;
  message->offset = (size_t)(uintptr_t)address;
  return bytes >= EPLB_CMA_LEAST && eplb_cma_reaches(c->cma, address, bytes);
}

/* Posts the address of the next chunks before `ready` that lie in one tensor; the receiver reads them without a copy by
 * this rank. Weights do not change until all ranks have finished the round. Returns the number of chunks. */
static int64_t send_address(shm_transport_t *t, const eplb_open_message_t *out, int64_t ready,
                            eplb_transport_report_t *report) {
  const eplb_migrate_context_t *c = t->context;
  size_t begin, end, length, shown = 0;
  eplb_chunk_bounds(c, out->message, out->sent, &begin, &end);
  if (begin >= c->layer[out->message->layer].expert_bytes)
    return 0;
  char *address = eplb_location_address(c, out->message->layer, &out->message->location, begin, &length);
  eplb_shm_message_t message = {.cell = -1, .tag = out->message->tag, .chunk = out->sent};
  while (out->sent + message.count < ready && end - begin <= length) {
    shown = end - begin;
    size_t next;
    if (out->sent + ++message.count < ready)
      eplb_chunk_bounds(c, out->message, out->sent + message.count, &next, &end);
  }
  if (!shown || !find_source(c, address, shown, &message))
    return 0;
  eplb_failure_keep(&report->failure, eplb_migrate_fault(c, EPLB_STEP_SEND, address, shown));
  eplb_shm_queue_post(c->queue, out->message->peer, &message);
  return message.count;
}

static int64_t shm_send(void *self, const eplb_open_message_t *out, int64_t ready, eplb_transport_report_t *report) {
  shm_transport_t *t = self;
  if (out->sent >= ready || !eplb_shm_queue_has_room(t->context->queue, out->message->peer))
    return 0;
  int64_t sent = send_address(t, out, ready, report);
  if (!sent)
    sent = send_copy(t, out, report);
  report->messages[out->message->link] += sent > 0;
  return sent;
}

/* ---- receiving ---- */

static void unpack_pieces(const struct iovec *piece, int pieces, const char *from) {
  for (int i = 0; i < pieces; from += piece[i++].iov_len)
    memcpy(piece[i].iov_base, from, piece[i].iov_len);
}

/* Gets chunk `chunk` of an incoming expert from where the message says. Returns 0 if the kernel does not let it. */
static int read_chunk(shm_transport_t *t, int neighbour, const eplb_shm_message_t *message, int32_t number,
                      int64_t chunk) {
  const eplb_migrate_context_t *c = t->context;
  const eplb_message_t *in = &t->plan->incoming[number].message;
  size_t first, begin, end;
  eplb_chunk_bounds(c, in, message->chunk, &first, &end);
  eplb_chunk_bounds(c, in, chunk, &begin, &end);
  int pieces = eplb_chunk_pieces(c, in, &t->incoming_hash[number], begin, end, t->piece);
  size_t at = message->offset + begin - first;
  if (message->cell >= 0)
    unpack_pieces(t->piece, pieces, eplb_shm_queue_cell(c->queue, neighbour, message));
  else if (message->region >= 0)
    unpack_pieces(t->piece, pieces, eplb_shm_regions_at(c->regions, neighbour, message->region, at));
  else /* in one tensor there, so in one piece here */
    return !eplb_cma_read(c->cma, neighbour, at, t->piece[0].iov_base, t->piece[0].iov_len);
  return 1;
}

/* Takes one chunk of a neighbour's next message, if there is one. */
static int receive_next_chunk(shm_transport_t *t, int neighbour, eplb_transport_report_t *report) {
  eplb_shm_queue_t *queue = t->context->queue;
  eplb_shm_message_t message;
  if (!eplb_shm_queue_peek(queue, neighbour, &message))
    return 0;
  int32_t number = t->by_tag[t->by_tag_begin[neighbour] + message.tag];
  int64_t chunk = message.chunk + t->taken[neighbour];
  report->is_refused |= !read_chunk(t, neighbour, &message, number, chunk);
  if (++t->taken[neighbour] == message.count) {
    eplb_shm_queue_free(queue, neighbour);
    t->taken[neighbour] = 0;
  }
  eplb_failure_keep(&report->failure,
                    eplb_migrate_fault(t->context, EPLB_STEP_RECEIVE, t->piece[0].iov_base, t->piece[0].iov_len));
  eplb_transport_arrived(report, number, chunk);
  return 1;
}

/* One chunk of each neighbour, as far as the report has room. */
static int shm_progress(void *self, eplb_transport_report_t *report) {
  shm_transport_t *t = self;
  int any = 0, neighbours = eplb_shm_queue_neighbours(t->context->queue);
  for (int n = 0; n < neighbours && report->num_arrivals < EPLB_MOST_ARRIVALS; n++) {
    any |= receive_next_chunk(t, t->next, report);
    t->next = (t->next + 1) % neighbours;
  }
  return any;
}

const eplb_transport_t eplb_transport_shm = {.name = "shm",
                                             .longest_chunk = shm_longest_chunk,
                                             .create = shm_create,
                                             .destroy = shm_destroy,
                                             .start = shm_start,
                                             .send = shm_send,
                                             .progress = shm_progress};
