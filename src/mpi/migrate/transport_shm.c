#include "mpi/migrate/transport_shm.h"
#include <string.h>

void eplb_transport_shm_start(eplb_migration_t *m) {
  const eplb_shm_queue_t *queue = m->context->queue;
  int32_t used = 0;
  for (int n = 0; n < eplb_shm_queue_neighbours(queue); n++) {
    m->incoming_by_tag_begin[n] = used;
    for (int i = m->round->incoming_begin; i < m->round->incoming_end; i++)
      if (m->moves->incoming[i].own_slot < 0 && m->moves->incoming[i].peer == eplb_shm_queue_rank(queue, n))
        m->incoming_by_tag[used++] = i; /* transfers are in the order of tags */
  }
}

static void gather(const eplb_piece_t *piece, int pieces, char *to) {
  for (int i = 0; i < pieces; to += piece[i++].length)
    memcpy(to, piece[i].address, piece[i].length);
}

static void scatter(const eplb_piece_t *piece, int pieces, const char *from) {
  for (int i = 0; i < pieces; from += piece[i++].length)
    memcpy(piece[i].address, from, piece[i].length);
}

/* Puts one chunk into a cell; whether there was one. */
static int send_copy(eplb_migration_t *m, eplb_outgoing_t *out) {
  int cell;
  char *bytes = eplb_shm_queue_take(m->context->queue, &cell);
  if (!bytes)
    return 0;
  size_t begin, end;
  eplb_migration_chunk(m, out->layer, out->chunk_bytes, out->posted, &begin, &end);
  int pieces = eplb_location_pieces(m->context, out->layer, &out->place, eplb_migration_outgoing_hash(m, out), begin,
                                    end, m->piece);
  gather(m->piece, pieces, bytes);
  eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_SEND, bytes, end - begin));
  eplb_shm_queue_post(m->context->queue, out->peer,
                      &(eplb_shm_message_t){.cell = cell, .tag = out->tag, .chunk = out->posted, .count = 1});
  out->posted++;
  return 1;
}

/* Whether the receiver can get at the bytes where they lie; notes where that is. */
static int locate(const eplb_migrate_context_t *c, const char *address, size_t bytes, eplb_shm_message_t *message) {
  if (eplb_shm_regions_find(c->regions, address, bytes, &message->region, &message->offset))
    return 1;
  message->region = -1;
  message->offset = (size_t)(uintptr_t)address;
  return bytes >= EPLB_CMA_LEAST && eplb_cma_reaches(c->cma, address, bytes);
}

/* Tells the receiver where to fetch as many of the next `ready` chunks as lie in one tensor: it has them without a copy
 * by this rank. Weights stay as they are until all ranks have what they wanted. How many. */
static int64_t show(eplb_migration_t *m, eplb_outgoing_t *out, int64_t ready) {
  size_t begin, end, length;
  eplb_migration_chunk(m, out->layer, out->chunk_bytes, out->posted, &begin, &end);
  if (begin >= m->context->layer[out->layer].expert_bytes)
    return 0;
  char *address = eplb_location_piece(m->context, out->layer, &out->place, begin, &length);
  eplb_shm_message_t message = {.cell = -1, .tag = out->tag, .chunk = out->posted};
  size_t shown = 0;
  for (; message.count < ready && end - begin <= length; message.count++) {
    shown = end - begin;
    size_t next;
    if (message.count + 1 < ready)
      eplb_migration_chunk(m, out->layer, out->chunk_bytes, out->posted + message.count + 1, &next, &end);
  }
  if (!shown || !locate(m->context, address, shown, &message))
    return 0;
  eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_SEND, address, shown));
  eplb_shm_queue_post(m->context->queue, out->peer, &message);
  out->posted += message.count;
  return message.count;
}

int eplb_transport_shm_send(eplb_migration_t *m, eplb_outgoing_t *out) {
  int64_t ready = eplb_migration_ready_chunks(m, out) - out->posted;
  if (ready <= 0 || !eplb_shm_queue_has_room(m->context->queue, out->peer))
    return 0;
  if (!show(m, out, ready) && !send_copy(m, out))
    return 0;
  m->messages[out->link]++;
  return 1;
}

/* Gets the next chunk of an incoming expert from where the message says. */
static void open_letter(eplb_migration_t *m, int neighbour, const eplb_shm_message_t *message, eplb_incoming_t *in) {
  const eplb_migrate_context_t *c = m->context;
  size_t first, begin, end;
  eplb_migration_chunk(m, in->layer, in->chunk_bytes, message->chunk, &first, &end);
  eplb_migration_chunk(m, in->layer, in->chunk_bytes, in->arrived, &begin, &end);
  int pieces = eplb_location_pieces(c, in->layer, &in->place, &in->hash, begin, end, m->piece);
  size_t at = message->offset + begin - first;
  if (message->cell >= 0)
    scatter(m->piece, pieces, eplb_shm_queue_cell(c->queue, neighbour, message));
  else if (message->region >= 0)
    scatter(m->piece, pieces, eplb_shm_regions_at(c->regions, neighbour, message->region, at));
  else /* in one tensor there, so in one piece here */
    eplb_migration_note(m, eplb_cma_read(c->cma, neighbour, at, m->piece[0].address, m->piece[0].length));
}

/* One chunk of a neighbour's next message, if there is one. */
static int receive_chunk(eplb_migration_t *m, int neighbour) {
  eplb_shm_queue_t *queue = m->context->queue;
  eplb_shm_message_t message;
  if (!eplb_shm_queue_peek(queue, neighbour, &message))
    return 0;
  eplb_incoming_t *in = &m->moves->incoming[m->incoming_by_tag[m->incoming_by_tag_begin[neighbour] + message.tag]];
  open_letter(m, neighbour, &message, in);
  if (in->arrived + 1 == message.chunk + message.count)
    eplb_shm_queue_free(queue, neighbour);
  eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_RECEIVE, m->piece[0].address, m->piece[0].length));
  eplb_migration_arrived(m, in);
  return 1;
}

int eplb_transport_shm_receive(eplb_migration_t *m) {
  int any = 0;
  for (int n = 0; n < eplb_shm_queue_neighbours(m->context->queue); n++)
    any |= receive_chunk(m, n);
  return any;
}
