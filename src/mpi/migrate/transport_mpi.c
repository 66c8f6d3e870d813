#include "mpi/migrate/transport_mpi.h"
#include <string.h>

static eplb_inflight_t *lane_of(const eplb_migration_t *m, int first, int64_t chunk) {
  return &m->inflight[first + (int)(chunk % EPLB_INFLIGHT_CHUNKS)];
}

int eplb_transport_mpi_are_idle(const eplb_migration_t *m, int first) {
  for (int i = 0; i < EPLB_INFLIGHT_CHUNKS; i++)
    if (m->inflight[first + i].state != EPLB_INFLIGHT_IDLE)
      return 0;
  return 1;
}

static int number_of(const eplb_migration_t *m, const eplb_inflight_t *inflight) {
  return (int)(inflight - m->inflight);
}

static int is_incoming(const eplb_migration_t *m, int inflight) {
  return inflight < m->window * EPLB_INFLIGHT_CHUNKS;
}

static eplb_incoming_t *incoming_of(const eplb_migration_t *m, int inflight) {
  return &m->moves->incoming[m->open_in[inflight / EPLB_INFLIGHT_CHUNKS]];
}

static eplb_outgoing_t *outgoing_of(const eplb_migration_t *m, int inflight) {
  return &m->moves->outgoing[m->open_out[inflight / EPLB_INFLIGHT_CHUNKS - m->window]];
}

/* ---- memory that MPI can touch: from where the weights lie to where they will, without a copy of ours ---- */

/* What MPI needs to know of a chunk's pieces: address, count and type, which is to be freed unless it is MPI_BYTE. The
 * address is that of the first, not MPI_BOTTOM: by it MPI finds out whether the memory is a GPU's. Whether MPI could. */
static int describe(eplb_migration_t *m, int pieces, int *count, MPI_Datatype *type) {
  eplb_comm_t *comm = m->context->comm;
  *type = MPI_BYTE;
  *count = (int)m->piece[0].length;
  if (pieces == 1)
    return 1;
  for (int i = 0; i < pieces; i++) {
    m->piece_address[i] = (MPI_Aint)((intptr_t)m->piece[i].address - (intptr_t)m->piece[0].address);
    m->piece_bytes[i] = (int)m->piece[i].length;
  }
  *count = 1;
  return eplb_comm_ok(comm, MPI_Type_create_hindexed(pieces, m->piece_bytes, m->piece_address, MPI_BYTE, type),
                      "describing an expert's tensors") &&
         eplb_comm_ok(comm, MPI_Type_commit(type), "describing an expert's tensors");
}

static void forget(eplb_migration_t *m, MPI_Datatype *type) {
  if (*type != MPI_BYTE && *type != MPI_DATATYPE_NULL)
    eplb_comm_ok(m->context->comm, MPI_Type_free(type), "freeing the description of an expert's tensors");
}

/* The first piece of a chunk, for the fault callback; NULL where the processor cannot touch it. */
static void ask_fault(eplb_migration_t *m, eplb_step_t step, void *bytes, size_t size) {
  int touches = m->context->memory->host_can_touch;
  eplb_migration_note(m, eplb_migrate_fault(m->context, step, touches ? bytes : NULL, touches ? size : 0));
}

static int find_pieces(eplb_migration_t *m, int layer, const eplb_location_t *place, uint64_t *hash, size_t chunk_bytes,
                       int64_t chunk) {
  size_t begin, end;
  eplb_migration_chunk(m, layer, chunk_bytes, chunk, &begin, &end);
  return eplb_location_pieces(m->context, layer, place, hash, begin, end, m->piece);
}

/* ---- memory that it cannot: through a buffer of the inflight ---- */

/* Starts the copies between the buffer and a chunk's weights; its part of the checksum is copied at once. */
static void bounce(eplb_migration_t *m, eplb_inflight_t *inflight, int layer, size_t chunk_bytes,
                   const eplb_location_t *place, uint64_t *hash, eplb_copy_t direction) {
  const eplb_memory_t *memory = m->context->memory;
  size_t begin, end, expert_bytes = m->context->layer[layer].expert_bytes, at = 0;
  eplb_migration_chunk(m, layer, chunk_bytes, inflight->chunk, &begin, &end);
  size_t weights_end = end < expert_bytes ? end : expert_bytes;
  int pieces =
      begin < weights_end ? eplb_location_pieces(m->context, layer, place, hash, begin, weights_end, m->piece) : 0;
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = 0; i < pieces && !status; at += m->piece[i++].length) {
    void *weights = m->piece[i].address, *buffer = inflight->buffer + at;
    int out = direction == EPLB_COPY_OUT;
    status = memory->copy(memory->self, number_of(m, inflight), out ? buffer : weights, out ? weights : buffer,
                          m->piece[i].length, direction);
  }
  eplb_migration_note(m, status);
  if (end > weights_end) {
    char *tail = (char *)hash + (begin > expert_bytes ? begin - expert_bytes : 0);
    char *buffer = inflight->buffer + (weights_end > begin ? weights_end - begin : 0);
    memcpy(direction == EPLB_COPY_OUT ? buffer : tail, direction == EPLB_COPY_OUT ? tail : buffer,
           end - (begin > expert_bytes ? begin : expert_bytes));
  }
  inflight->state = EPLB_INFLIGHT_COPYING;
}

/* Whether the inflight's copies are done. A failed copy counts as done: it is noted, and its message goes its way. */
static int copy_is_done(eplb_migration_t *m, const eplb_inflight_t *inflight) {
  const eplb_memory_t *memory = m->context->memory;
  int done = 0;
  eplb_status_t status = memory->test(memory->self, number_of(m, inflight), &done);
  eplb_migration_note(m, status);
  return status || done;
}

/* ---- both ---- */

static void send_buffer(eplb_migration_t *m, eplb_inflight_t *inflight) {
  eplb_outgoing_t *out = outgoing_of(m, number_of(m, inflight));
  size_t begin, end;
  eplb_migration_chunk(m, out->layer, out->chunk_bytes, inflight->chunk, &begin, &end);
  eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_SEND, inflight->buffer, end - begin));
  eplb_comm_ok(m->context->comm,
               MPI_Isend(inflight->buffer, (int)(end - begin), MPI_BYTE, out->peer, out->tag, m->context->comm->mpi,
                         &m->request[number_of(m, inflight)]),
               "sending weights");
  out->bounced++;
  inflight->state = EPLB_INFLIGHT_ON_WAY;
}

static void send_pieces(eplb_migration_t *m, eplb_inflight_t *inflight, eplb_outgoing_t *out) {
  int count, pieces = find_pieces(m, out->layer, &out->place, eplb_migration_outgoing_hash(m, out), out->chunk_bytes,
                                  inflight->chunk);
  ask_fault(m, EPLB_STEP_SEND, m->piece[0].address, m->piece[0].length);
  MPI_Datatype type;
  if (describe(m, pieces, &count, &type))
    eplb_comm_ok(m->context->comm,
                 MPI_Isend(m->piece[0].address, count, type, out->peer, out->tag, m->context->comm->mpi,
                           &m->request[number_of(m, inflight)]),
                 "sending weights");
  forget(m, &type);
  inflight->state = EPLB_INFLIGHT_ON_WAY;
}

void eplb_transport_mpi_send(eplb_migration_t *m, eplb_outgoing_t *out) {
  int64_t ready = eplb_migration_ready_chunks(m, out);
  for (; out->posted < ready && !m->context->comm->failure; out->posted++) {
    eplb_inflight_t *inflight = lane_of(m, out->inflight, out->posted);
    if (inflight->state != EPLB_INFLIGHT_IDLE)
      return;
    inflight->chunk = out->posted;
    m->messages[out->link]++;
    if (m->context->memory->mpi_can_touch)
      send_pieces(m, inflight, out);
    else
      bounce(m, inflight, out->layer, out->chunk_bytes, &out->place, eplb_migration_outgoing_hash(m, out),
             EPLB_COPY_OUT);
  }
}

static void receive_chunk(eplb_migration_t *m, eplb_inflight_t *inflight, eplb_incoming_t *in) {
  MPI_Request *request = &m->request[number_of(m, inflight)];
  eplb_comm_t *comm = m->context->comm;
  if (m->context->memory->mpi_can_touch) {
    int count, pieces = find_pieces(m, in->layer, &in->place, &in->hash, in->chunk_bytes, inflight->chunk);
    MPI_Datatype type;
    if (describe(m, pieces, &count, &type))
      eplb_comm_ok(comm, MPI_Irecv(m->piece[0].address, count, type, in->peer, in->tag, comm->mpi, request),
                   "receiving weights");
    forget(m, &type);
  } else {
    size_t begin, end;
    eplb_migration_chunk(m, in->layer, in->chunk_bytes, inflight->chunk, &begin, &end);
    eplb_comm_ok(comm, MPI_Irecv(inflight->buffer, (int)(end - begin), MPI_BYTE, in->peer, in->tag, comm->mpi, request),
                 "receiving weights");
  }
  inflight->state = EPLB_INFLIGHT_ON_WAY;
}

void eplb_transport_mpi_receive(eplb_migration_t *m, eplb_incoming_t *in) {
  int64_t chunks = eplb_migration_count_chunks(m, in->layer, in->chunk_bytes);
  for (; in->posted < chunks && lane_of(m, in->inflight, in->posted)->state == EPLB_INFLIGHT_IDLE &&
         !m->context->comm->failure;
       in->posted++) {
    eplb_inflight_t *inflight = lane_of(m, in->inflight, in->posted);
    inflight->chunk = in->posted;
    receive_chunk(m, inflight, in);
  }
}

/* Counts the chunks that have come with all before them, and asks for more. */
static void take_arrivals(eplb_migration_t *m, eplb_incoming_t *in) {
  while (in->arrived < in->posted && lane_of(m, in->inflight, in->arrived)->state == EPLB_INFLIGHT_IDLE)
    eplb_migration_arrived(m, in);
  eplb_transport_mpi_receive(m, in);
}

/* MPI is done with the inflight. */
static void take_message(eplb_migration_t *m, int number) {
  eplb_inflight_t *inflight = &m->inflight[number];
  inflight->state = EPLB_INFLIGHT_IDLE;
  if (!is_incoming(m, number))
    return;
  eplb_incoming_t *in = incoming_of(m, number);
  if (m->context->memory->mpi_can_touch) {
    find_pieces(m, in->layer, &in->place, &in->hash, in->chunk_bytes, inflight->chunk);
    ask_fault(m, EPLB_STEP_RECEIVE, m->piece[0].address, m->piece[0].length);
  } else {
    size_t begin, end;
    eplb_migration_chunk(m, in->layer, in->chunk_bytes, inflight->chunk, &begin, &end);
    eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_RECEIVE, inflight->buffer, end - begin));
    bounce(m, inflight, in->layer, in->chunk_bytes, &in->place, &in->hash, EPLB_COPY_IN);
  }
  take_arrivals(m, in);
}

/* Whether the chunk may follow those before it: chunks of a message have the same tag. */
static int is_next(const eplb_migration_t *m, int inflight) {
  return is_incoming(m, inflight) || m->inflight[inflight].chunk == outgoing_of(m, inflight)->bounced;
}

static int progress_copies(eplb_migration_t *m) {
  int any = 0;
  for (int i = 0; i < 2 * m->window * EPLB_INFLIGHT_CHUNKS; i++) {
    eplb_inflight_t *inflight = &m->inflight[i];
    if (inflight->state != EPLB_INFLIGHT_COPYING || !is_next(m, i) || !copy_is_done(m, inflight))
      continue;
    any = 1;
    if (is_incoming(m, i)) {
      inflight->state = EPLB_INFLIGHT_IDLE;
      take_arrivals(m, incoming_of(m, i));
    } else {
      send_buffer(m, inflight);
    }
  }
  return any;
}

/* Which of the messages it was that failed, where MPI tells. */
static void note_failure(eplb_migration_t *m, int code, int done) {
  const char *doing = "moving weights";
  for (int i = 0; code == MPI_ERR_IN_STATUS && done != MPI_UNDEFINED && i < done; i++) {
    int failed = m->message_status[i].MPI_ERROR;
    if (failed == MPI_SUCCESS || failed == MPI_ERR_PENDING)
      continue;
    doing = is_incoming(m, m->completed[i]) ? "receiving weights" : "sending weights";
    code = failed;
  }
  eplb_comm_ok(m->context->comm, code, doing);
}

int eplb_transport_mpi_progress(eplb_migration_t *m) {
  int done = 0, any = m->context->memory->mpi_can_touch ? 0 : progress_copies(m);
  int code = MPI_Testsome(2 * m->window * EPLB_INFLIGHT_CHUNKS, m->request, &done, m->completed, m->message_status);
  if (code != MPI_SUCCESS) {
    note_failure(m, code, done);
    return any;
  }
  for (int i = 0; done != MPI_UNDEFINED && i < done; i++)
    take_message(m, m->completed[i]);
  return any || (done != MPI_UNDEFINED && done > 0);
}

/* All are cancelled before any is tested: else a later one takes the message of one that is cancelled. */
void eplb_transport_mpi_abandon(eplb_migration_t *m) {
  eplb_comm_t *comm = m->context->comm;
  int count = 2 * m->window * EPLB_INFLIGHT_CHUNKS;
  for (int i = 0; i < count; i++)
    if (m->request[i] != MPI_REQUEST_NULL && is_incoming(m, i))
      eplb_comm_ok(comm, MPI_Cancel(&m->request[i]), "giving up a message");
  for (int i = 0; i < count; i++) {
    int done = 0;
    if (m->request[i] == MPI_REQUEST_NULL)
      continue;
    if (is_incoming(m, i))
      eplb_comm_ok(comm, MPI_Test(&m->request[i], &done, MPI_STATUS_IGNORE), "giving up a message");
    if (!done)
      m->is_lost = 1;
    if (m->request[i] != MPI_REQUEST_NULL)
      eplb_comm_ok(comm, MPI_Request_free(&m->request[i]), "giving up a message");
    m->request[i] = MPI_REQUEST_NULL;
  }
}
