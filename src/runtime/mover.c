#include "runtime/mover.h"
#include "core/memory.h"
#include <string.h>
#include <xxhash.h>

void eplb_mover_free(eplb_mover_t *mover) {
  free(mover->request);
  free(mover->completed);
  free(mover->piece_bytes);
  free(mover->piece);
  *mover = (eplb_mover_t){0};
}

/* The session's staging, grown to what is needed. It is kept from one rebalance to the next: the first touch of so much
 * memory can take longer than filling it. */
static char *get_staging(eplb_session_t *s, size_t bytes) {
  if (s->staging && s->staging_bytes >= bytes)
    return s->staging;
  free(s->staging);
  s->staging = EPLB_NEW(char, bytes);
  s->staging_bytes = s->staging ? bytes : 0;
  return s->staging;
}

eplb_status_t eplb_mover_prepare(eplb_mover_t *mover, eplb_session_t *session, eplb_moves_t *moves) {
  int messages = 0, tensors = 0;
  for (int f = 0; f < moves->num_flights; f++) {
    const eplb_flight_t *flight = &moves->flight[f];
    int here = flight->incoming_end - flight->incoming_begin + flight->outgoing_end - flight->outgoing_begin;
    messages = here > messages ? here : messages;
  }
  for (int l = 0; l < session->options.num_layers; l++)
    tensors = session->layer[l].num_tensors > tensors ? session->layer[l].num_tensors : tensors;
  size_t requests = (size_t)messages * EPLB_MOVER_LANES;
  *mover = (eplb_mover_t){.session = session,
                          .moves = moves,
                          .staging = get_staging(session, moves->staging_peak),
                          .request = EPLB_NEW(MPI_Request, requests),
                          .completed = EPLB_NEW(int, requests),
                          .piece_bytes = EPLB_NEW(int, tensors + 1),
                          .piece = EPLB_NEW(MPI_Aint, tensors + 1)};
  int complete = mover->staging && mover->request && mover->completed && mover->piece_bytes && mover->piece;
  return complete ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

static const eplb_tensors_t *tensors_of(const eplb_mover_t *m, int layer) {
  return &m->session->layer[layer];
}

static size_t message_bytes(const eplb_mover_t *m, int layer) {
  return eplb_message_bytes(tensors_of(m, layer), m->moves->verify);
}

static int64_t count_chunks(const eplb_mover_t *m, int layer) {
  size_t bytes = message_bytes(m, layer), chunk = m->session->options.chunk_bytes;
  return (int64_t)(bytes / chunk + (bytes % chunk != 0));
}

/* Where chunk `number` of a message begins, and how long it is: at most chunk_bytes, so an int. */
static size_t chunk_begin(const eplb_mover_t *m, int64_t number) {
  return (size_t)number * m->session->options.chunk_bytes;
}

static int chunk_length(const eplb_mover_t *m, int layer, int64_t number) {
  size_t left = message_bytes(m, layer) - chunk_begin(m, number), chunk = m->session->options.chunk_bytes;
  return (int)(left < chunk ? left : chunk);
}

static MPI_Request *lane(const eplb_mover_t *m, int message, int64_t chunk) {
  return &m->request[message * EPLB_MOVER_LANES + (int)(chunk % EPLB_MOVER_LANES)];
}

static int lane_is_free(const eplb_mover_t *m, int message, int64_t chunk) {
  return *lane(m, message, chunk) == MPI_REQUEST_NULL;
}

static int all_lanes_are_free(const eplb_mover_t *m, int message) {
  for (int i = 0; i < EPLB_MOVER_LANES; i++)
    if (!lane_is_free(m, message, i))
      return 0;
  return 1;
}

/* Hashes the weights (not the checksum) of chunk `number`, after `hash`, the hash of all before. They are read from `stream`, where
 * the whole message lies in one piece, or where that is NULL from the tensors of `slot`; cut at the same places, so that both come
 * to the same. */
static uint64_t hash_chunk(eplb_mover_t *m, int layer, int64_t number, const char *stream, int slot, uint64_t hash) {
  double since = MPI_Wtime();
  const eplb_tensors_t *t = tensors_of(m, layer);
  size_t at = chunk_begin(m, number), end = at + (size_t)chunk_length(m, layer, number), length;
  for (end = end < t->expert_bytes ? end : t->expert_bytes; at < end; at += length) {
    const char *piece = eplb_tensors_piece(t, slot, at, &length);
    length = length < end - at ? length : end - at;
    hash = XXH3_64bits_withSeed(stream ? stream + at : piece, length, hash);
  }
  m->seconds_verify += MPI_Wtime() - since;
  return hash;
}

/* The pieces of chunk `number` of what `out` sends from an own slot. Returns how many; *first is the address of the first. */
static int find_pieces(eplb_mover_t *m, eplb_outgoing_t *out, int64_t number, char **first) {
  const eplb_tensors_t *t = tensors_of(m, out->layer);
  size_t at = chunk_begin(m, number), end = at + (size_t)chunk_length(m, out->layer, number), length;
  int pieces = 0;
  for (; at < end; at += length, pieces++) {
    char *address;
    if (at < t->expert_bytes) {
      address = eplb_tensors_piece(t, out->own_slot, at, &length);
    } else { /* the checksum follows the weights */
      address = (char *)&out->hash + (at - t->expert_bytes);
      length = t->expert_bytes + sizeof out->hash - at;
    }
    length = length < end - at ? length : end - at;
    *first = pieces ? *first : address;
    MPI_Get_address(address, &m->piece[pieces]);
    m->piece_bytes[pieces] = (int)length;
  }
  return pieces;
}

/* Sends a chunk from the tensors of an own slot: from where they lie, without a copy of ours. */
static void send_from_slot(eplb_mover_t *m, eplb_outgoing_t *out, int64_t number, MPI_Request *request) {
  if (m->moves->verify)
    out->hash = hash_chunk(m, out->layer, number, NULL, out->own_slot, out->hash);
  char *first = NULL;
  int pieces = find_pieces(m, out, number, &first);
  if (pieces == 1) {
    MPI_Isend(first, m->piece_bytes[0], MPI_BYTE, out->peer, out->tag, m->session->comm, request);
    return;
  }
  MPI_Datatype type;
  MPI_Type_create_hindexed(pieces, m->piece_bytes, m->piece, MPI_BYTE, &type);
  MPI_Type_commit(&type);
  MPI_Isend(MPI_BOTTOM, 1, type, out->peer, out->tag, m->session->comm, request);
  MPI_Type_free(&type);
}

/* Posts the chunks of an outgoing expert that can be: in order, as lanes are free and, where it is passed on, as they have come. */
static void post_sends(eplb_mover_t *m, int number) {
  const eplb_flight_t *f = m->flight;
  eplb_outgoing_t *out = &m->moves->outgoing[number];
  const eplb_incoming_t *source = out->source < 0 ? NULL : &m->moves->incoming[out->source];
  int message = f->incoming_end - f->incoming_begin + number - f->outgoing_begin;
  int64_t chunks = count_chunks(m, out->layer), there = source ? source->arrived : chunks;
  for (; out->posted < there && lane_is_free(m, message, out->posted); out->posted++) {
    MPI_Request *request = lane(m, message, out->posted);
    if (source)
      MPI_Isend(m->staging + source->offset + chunk_begin(m, out->posted), chunk_length(m, out->layer, out->posted),
                MPI_BYTE, out->peer, out->tag, m->session->comm, request);
    else
      send_from_slot(m, out, out->posted, request);
  }
  if (out->posted == chunks && all_lanes_are_free(m, message)) {
    out->posted++; /* one beyond: finished, and not to be counted again */
    m->unfinished--;
  }
}

static void post_receives(eplb_mover_t *m, int number) {
  eplb_incoming_t *in = &m->moves->incoming[number];
  int message = number - m->flight->incoming_begin;
  int64_t chunks = count_chunks(m, in->layer);
  for (; in->posted < chunks && lane_is_free(m, message, in->posted); in->posted++)
    MPI_Irecv(m->staging + in->offset + chunk_begin(m, in->posted), chunk_length(m, in->layer, in->posted), MPI_BYTE,
              in->peer, in->tag, m->session->comm, lane(m, message, in->posted));
}

/* Keeps the first failure of the flight, with its sentence: the caller may make other calls before the ranks agree. */
static void note(eplb_mover_t *m, eplb_status_t status) {
  if (status == EPLB_SUCCESS || m->status != EPLB_SUCCESS)
    return;
  m->status = status;
  strncpy(m->sentence, eplb_last_error(), sizeof m->sentence - 1);
}

static void check_checksum(eplb_mover_t *m, const eplb_incoming_t *in) {
  uint64_t sent;
  memcpy(&sent, m->staging + in->offset + tensors_of(m, in->layer)->expert_bytes, sizeof sent);
  if (sent != in->hash)
    note(m, eplb_fail(EPLB_ERR_CORRUPT,
                      "layer %d, expert %d: came from rank %d to rank %d with checksum %016llx; it was sent "
                      "with %016llx",
                      in->layer, in->expert, in->peer, m->session->rank, (unsigned long long)in->hash,
                      (unsigned long long)sent));
}

/* Looks at the next chunk that has arrived. */
static void inspect_chunk(eplb_mover_t *m, eplb_incoming_t *in) {
  char *message = m->staging + in->offset;
  note(m, eplb_session_fault(m->session, EPLB_STEP_RECEIVE, message + chunk_begin(m, in->arrived),
                             (size_t)chunk_length(m, in->layer, in->arrived)));
  if (m->moves->verify)
    in->hash = hash_chunk(m, in->layer, in->arrived, message, 0, in->hash);
}

/* Takes note of the chunks of an incoming expert that have come, asks for more, and passes on what is to be passed on. */
static void take_arrivals(eplb_mover_t *m, int number) {
  eplb_incoming_t *in = &m->moves->incoming[number];
  int message = number - m->flight->incoming_begin;
  int64_t chunks = count_chunks(m, in->layer), before = in->arrived;
  for (; in->arrived < in->posted && lane_is_free(m, message, in->arrived); in->arrived++)
    inspect_chunk(m, in);
  post_receives(m, number);
  for (int relay = in->first_relay; relay >= 0; relay = m->moves->outgoing[relay].next_relay)
    post_sends(m, relay);
  if (in->arrived == chunks && before < chunks) {
    m->unfinished--;
    if (m->moves->verify)
      check_checksum(m, in);
  }
}

static void start_incoming(eplb_mover_t *m, int number) {
  eplb_incoming_t *in = &m->moves->incoming[number];
  if (in->own_slot >= 0)
    eplb_tensors_read(tensors_of(m, in->layer), in->own_slot, m->staging + in->offset);
  if (in->own_slot >= 0 || count_chunks(m, in->layer) == 0)
    m->unfinished--;
  else
    post_receives(m, number);
}

void eplb_mover_start(eplb_mover_t *m, int flight) {
  const eplb_flight_t *f = m->flight = &m->moves->flight[flight];
  m->status = EPLB_SUCCESS;
  m->unfinished = f->incoming_end - f->incoming_begin + f->outgoing_end - f->outgoing_begin;
  for (int i = 0; i < m->unfinished * EPLB_MOVER_LANES; i++)
    m->request[i] = MPI_REQUEST_NULL;
  for (int i = f->incoming_begin; i < f->incoming_end; i++)
    start_incoming(m, i);
  for (int i = f->outgoing_begin; i < f->outgoing_end; i++)
    post_sends(m, i);
}

int eplb_mover_progress(eplb_mover_t *m) {
  const eplb_flight_t *f = m->flight;
  int incoming = f->incoming_end - f->incoming_begin, outgoing = f->outgoing_end - f->outgoing_begin, done;
  if (!m->unfinished)
    return 0;
  MPI_Testsome((incoming + outgoing) * EPLB_MOVER_LANES, m->request, &done, m->completed, MPI_STATUSES_IGNORE);
  if (done == MPI_UNDEFINED)
    return 0;
  for (int i = 0; i < done; i++) {
    int message = m->completed[i] / EPLB_MOVER_LANES;
    if (message < incoming)
      take_arrivals(m, f->incoming_begin + message);
    else
      post_sends(m, f->outgoing_begin + message - incoming);
  }
  return done > 0;
}

void eplb_mover_commit(eplb_mover_t *m, int moved_layer) {
  const eplb_moved_layer_t *moved = &m->moves->layer[moved_layer];
  for (int i = moved->target_begin; i < moved->target_end; i++) {
    const eplb_target_t *target = &m->moves->target[i];
    eplb_tensors_write(tensors_of(m, moved->layer), target->own_slot,
                       m->staging + m->moves->incoming[target->incoming].offset);
  }
}
