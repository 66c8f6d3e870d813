#include "mpi/migrate/migration.h"
#include "core/util/alloc.h"
#include "mpi/migrate/expert_copy.h"
#include "mpi/migrate/transport_mpi.h"
#include "mpi/migrate/transport_shm.h"
#include <string.h>

/* ---- memory ---- */

void eplb_migration_free(eplb_migration_t *m) {
  for (int i = 0; m->inflight && !m->is_lost && i < 2 * m->window * EPLB_INFLIGHT_CHUNKS; i++)
    m->context->memory->release_host(m->context->memory->self, m->inflight[i].buffer);
  if (m->context)
    m->context->memory->release_host(m->context->memory->self, m->scratch);
  if (m->is_lost) { /* never freed: see is_lost */
    m->context->staging = NULL;
    m->context->staging_bytes = 0;
    m->moves->incoming = NULL;
    m->moves->outgoing = NULL;
  }
  eplb_watch_free(&m->watch);
  free(m->is_moving);
  free(m->inflight);
  free(m->request);
  free(m->completed);
  free(m->message_status);
  free(m->open_in);
  free(m->open_out);
  free(m->incoming_by_tag_begin);
  free(m->incoming_by_tag);
  free(m->piece);
  free(m->piece_bytes);
  free(m->piece_address);
  *m = (eplb_migration_t){0};
}

/* The context's staging, grown to what is needed. It is kept from one rebalance to the next: the first touch of so much
 * memory can take longer than filling it. So it also gets room to grow, where what is not touched takes nothing. */
static eplb_status_t get_staging(eplb_migrate_context_t *c, size_t bytes, size_t limit) {
  if (bytes <= c->staging_bytes)
    return EPLB_SUCCESS;
  c->memory->release(c->memory->self, c->staging);
  c->staging = NULL;
  c->staging_bytes = 0;
  size_t room = !c->memory->host_can_touch ? bytes : bytes <= limit / 2 ? 2 * bytes : limit;
  void *staging;
  eplb_status_t status = c->memory->allocate(c->memory->self, room, &staging);
  if (status && room > bytes) /* there may still be enough for this rebalance */
    status = c->memory->allocate(c->memory->self, room = bytes, &staging);
  if (status)
    return status;
  c->staging = staging;
  c->staging_bytes = room;
  return EPLB_SUCCESS;
}

/* Host memory for chunks of weights that MPI or the processor cannot touch. */
static eplb_status_t get_buffers(eplb_migration_t *m) {
  const eplb_memory_t *memory = m->context->memory;
  size_t bytes = m->context->chunk_bytes;
  eplb_status_t status = EPLB_SUCCESS;
  void *buffer = NULL;
  for (int i = 0; i < 2 * m->window * EPLB_INFLIGHT_CHUNKS && !memory->mpi_can_touch && !status; i++) {
    status = memory->allocate_host(memory->self, bytes, &buffer);
    m->inflight[i].buffer = status ? NULL : buffer;
  }
  if (!status && !memory->host_can_touch) {
    status = memory->allocate_host(memory->self, bytes, &buffer);
    m->scratch = status ? NULL : buffer;
  }
  return status;
}

static int most_tensors(const eplb_migrate_context_t *c) {
  int most = 0;
  for (int l = 0; l < c->num_layers; l++)
    most = c->layer[l].num_tensors > most ? c->layer[l].num_tensors : most;
  return most;
}

eplb_status_t eplb_migration_prepare(eplb_migration_t *m, eplb_migrate_context_t *c, eplb_migration_plan_t *moves,
                                     uint64_t number) {
  int window = c->memory->mpi_can_touch ? EPLB_WINDOW : EPLB_BOUNCING_WINDOW;
  int inflight_chunks = 2 * window * EPLB_INFLIGHT_CHUNKS, pieces = most_tensors(c) + 1;
  *m = (eplb_migration_t){.context = c,
                          .moves = moves,
                          .window = window,
                          .is_moving = EPLB_NEW(unsigned char, c->num_layers),
                          .inflight = EPLB_NEW(eplb_inflight_t, inflight_chunks),
                          .request = EPLB_NEW(MPI_Request, inflight_chunks),
                          .completed = EPLB_NEW(int, inflight_chunks),
                          .message_status = EPLB_NEW(MPI_Status, inflight_chunks),
                          .open_in = EPLB_NEW(int32_t, window),
                          .open_out = EPLB_NEW(int32_t, window),
                          .incoming_by_tag_begin = EPLB_NEW(int32_t, eplb_shm_queue_neighbours(c->queue)),
                          .incoming_by_tag = EPLB_NEW(int32_t, moves->num_incoming),
                          .piece = EPLB_NEW(eplb_piece_t, pieces),
                          .piece_bytes = EPLB_NEW(int, pieces),
                          .piece_address = EPLB_NEW(MPI_Aint, pieces)};
  if (!m->is_moving || !m->inflight || !m->request || !m->completed || !m->message_status || !m->open_in ||
      !m->open_out || !m->incoming_by_tag_begin || !m->incoming_by_tag || !m->piece || !m->piece_bytes ||
      !m->piece_address)
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < inflight_chunks; i++)
    m->request[i] = MPI_REQUEST_NULL;
  for (int i = 0; i < moves->num_incoming; i++)
    m->all += (int64_t)c->layer[moves->incoming[i].layer].expert_bytes;
  eplb_status_t status = get_staging(c, moves->staging_peak, moves->staging_limit);
  if (!status)
    status = get_buffers(m);
  return status ? status : eplb_watch_prepare(&m->watch, c, moves, number, m->scratch);
}

void eplb_migration_note(eplb_migration_t *m, eplb_status_t status) {
  if (status == EPLB_SUCCESS || m->status != EPLB_SUCCESS)
    return;
  m->status = status;
  strncpy(m->sentence, eplb_last_error(), sizeof m->sentence - 1);
}

/* ---- how messages are cut ---- */

size_t eplb_migration_message_bytes(const eplb_migration_t *m, int layer) {
  return m->context->layer[layer].expert_bytes + (m->context->verify ? sizeof(uint64_t) : 0);
}

/* Where MPI is given a GPU's addresses, the checksum, which the host keeps, goes in a chunk of its own: no message is
 * of both memories. */
static int hash_is_apart(const eplb_migration_t *m) {
  return m->context->verify && m->context->memory->mpi_can_touch && !m->context->memory->host_can_touch;
}

/* How much of a message is cut evenly. */
static size_t even_bytes(const eplb_migration_t *m, int layer) {
  return hash_is_apart(m) ? m->context->layer[layer].expert_bytes : eplb_migration_message_bytes(m, layer);
}

int64_t eplb_migration_count_chunks(const eplb_migration_t *m, int layer, size_t chunk_bytes) {
  size_t bytes = even_bytes(m, layer);
  return (int64_t)(bytes / chunk_bytes + (bytes % chunk_bytes != 0)) + hash_is_apart(m);
}

void eplb_migration_chunk(const eplb_migration_t *m, int layer, size_t chunk_bytes, int64_t number, size_t *begin,
                          size_t *end) {
  size_t bytes = even_bytes(m, layer);
  *begin = (size_t)number * chunk_bytes;
  *end = bytes - *begin < chunk_bytes ? bytes : *begin + chunk_bytes;
  if (*begin >= bytes) { /* the checksum, apart */
    *begin = bytes;
    *end = eplb_migration_message_bytes(m, layer);
  }
}

int64_t eplb_migration_ready_chunks(const eplb_migration_t *m, const eplb_outgoing_t *out) {
  int64_t chunks = eplb_migration_count_chunks(m, out->layer, out->chunk_bytes);
  if (out->source < 0)
    return chunks;
  const eplb_incoming_t *in = &m->moves->incoming[out->source];
  if (in->arrived == eplb_migration_count_chunks(m, in->layer, in->chunk_bytes))
    return chunks;
  size_t there = (size_t)in->arrived * in->chunk_bytes;
  return (int64_t)(there / out->chunk_bytes);
}

uint64_t *eplb_migration_outgoing_hash(const eplb_migration_t *m, eplb_outgoing_t *out) {
  return out->source < 0 ? &out->hash : &m->moves->incoming[out->source].hash;
}

/* ---- checksums ---- */

static eplb_status_t hash(eplb_migration_t *m, int layer, const eplb_location_t *place, uint64_t *result) {
  double since = MPI_Wtime();
  eplb_status_t status = eplb_expert_hash(m->context, layer, place, m->scratch, result);
  m->seconds_verify += MPI_Wtime() - since;
  return status;
}

static void ask_fault_on_arrival(eplb_migration_t *m, const eplb_incoming_t *in) {
  size_t length = 0;
  char *bytes = NULL;
  if (m->context->memory->host_can_touch && m->context->layer[in->layer].expert_bytes)
    bytes = eplb_location_piece(m->context, in->layer, &in->place, 0, &length);
  eplb_migration_note(m, eplb_migrate_fault(m->context, EPLB_STEP_ARRIVE, bytes, length));
}

static void check(eplb_migration_t *m, eplb_incoming_t *in) {
  eplb_status_t status = hash(m, in->layer, &in->place, &in->found);
  in->is_corrupt = !status && in->found != in->hash;
  m->num_corrupt += in->is_corrupt;
  eplb_migration_note(m, status);
}

void eplb_migration_arrived(eplb_migration_t *m, eplb_incoming_t *in) {
  if (++in->arrived < eplb_migration_count_chunks(m, in->layer, in->chunk_bytes))
    return;
  ask_fault_on_arrival(m, in);
  if (m->context->verify)
    check(m, in);
  m->arrived += (int64_t)m->context->layer[in->layer].expert_bytes;
  m->unfinished--;
}

/* ---- opening and closing messages ---- */

/* What needs no message: a copy within the rank, or an expert of no bytes. */
static int is_silent(const eplb_migration_t *m, const eplb_incoming_t *in) {
  return in->own_slot >= 0 || eplb_migration_count_chunks(m, in->layer, in->chunk_bytes) == 0;
}

/* Letters need not be asked for. */
static void open_incoming(eplb_migration_t *m, int at) {
  m->open_in[at] = -1;
  while (m->next_in < m->round->incoming_end && m->open_in[at] < 0) {
    eplb_incoming_t *in = &m->moves->incoming[m->next_in];
    if (m->is_moving[in->layer] && !is_silent(m, in) && !eplb_uses_shm_messages(m->context, in->peer)) {
      m->open_in[at] = m->next_in;
      in->inflight = at * EPLB_INFLIGHT_CHUNKS;
      eplb_transport_mpi_receive(m, in);
    }
    m->next_in++;
  }
}

static void open_outgoing(eplb_migration_t *m, int at) {
  m->open_out[at] = -1;
  while (m->next_out < m->round->outgoing_end && !m->is_moving[m->moves->outgoing[m->next_out].layer])
    m->next_out++;
  if (m->next_out == m->round->outgoing_end)
    return;
  m->open_out[at] = m->next_out++;
  eplb_outgoing_t *out = &m->moves->outgoing[m->open_out[at]];
  out->inflight = (m->window + at) * EPLB_INFLIGHT_CHUNKS;
  if (m->context->verify && out->source < 0 && !eplb_watch_checksum(&m->watch, m->open_out[at], &out->hash))
    eplb_migration_note(m, hash(m, out->layer, &out->place, &out->hash));
}

/* Sends what can be of an open message; whether anything could be. */
static int progress_outgoing(eplb_migration_t *m, int at) {
  eplb_outgoing_t *out = &m->moves->outgoing[m->open_out[at]];
  int64_t before = out->posted;
  if (eplb_uses_shm_messages(m->context, out->peer))
    eplb_transport_shm_send(m, out);
  else
    eplb_transport_mpi_send(m, out);
  int is_sent = out->posted == eplb_migration_count_chunks(m, out->layer, out->chunk_bytes);
  if (is_sent && eplb_transport_mpi_are_idle(m, out->inflight)) {
    m->unfinished--;
    open_outgoing(m, at);
    return 1;
  }
  return out->posted > before;
}

static int is_closed(const eplb_migration_t *m, int at) {
  const eplb_incoming_t *in = &m->moves->incoming[m->open_in[at]];
  return in->arrived == eplb_migration_count_chunks(m, in->layer, in->chunk_bytes);
}

/* ---- a round ---- */

static void copy_own(eplb_migration_t *m, const eplb_incoming_t *in) {
  const eplb_location_t from = {.slot = in->own_slot};
  eplb_migration_note(m, eplb_expert_copy(m->context, in->layer, &from, &in->place, 1));
  m->arrived += (int64_t)m->context->layer[in->layer].expert_bytes;
  m->is_copying = !m->context->memory->host_can_touch;
}

/* Copies within the rank, and what needs no message. */
static void start_silent(eplb_migration_t *m, const eplb_incoming_t *in) {
  if (in->own_slot >= 0)
    copy_own(m, in);
  m->unfinished--;
}

static void start_pass(eplb_migration_t *m) {
  const eplb_round_t *round = m->round;
  m->status = EPLB_SUCCESS;
  m->is_copying = m->unfinished = m->num_corrupt = 0;
  m->next_in = round->incoming_begin;
  m->next_out = round->outgoing_begin;
  for (int i = round->outgoing_begin; i < round->outgoing_end; i++)
    m->unfinished += m->is_moving[m->moves->outgoing[i].layer];
  eplb_transport_shm_start(m);
  for (int i = round->incoming_begin; i < round->incoming_end; i++) {
    const eplb_incoming_t *in = &m->moves->incoming[i];
    m->unfinished += m->is_moving[in->layer];
    if (m->is_moving[in->layer] && is_silent(m, in))
      start_silent(m, in);
  }
  m->unfinished += m->is_copying;
  for (int at = 0; at < m->window; at++) {
    open_incoming(m, at);
    open_outgoing(m, at);
  }
}

void eplb_migration_start(eplb_migration_t *m, int number) {
  m->round = &m->moves->round[number];
  memset(m->is_moving, 1, (size_t)m->context->num_layers);
  start_pass(m);
}

void eplb_migration_start_again(eplb_migration_t *m, const unsigned char *again) {
  memcpy(m->is_moving, again, (size_t)m->context->num_layers);
  for (int i = m->round->outgoing_begin; i < m->round->outgoing_end; i++)
    if (again[m->moves->outgoing[i].layer])
      m->moves->outgoing[i].posted = m->moves->outgoing[i].bounced = 0;
  for (int i = m->round->incoming_begin; i < m->round->incoming_end; i++) {
    eplb_incoming_t *in = &m->moves->incoming[i];
    if (!again[in->layer])
      continue;
    in->posted = in->arrived = 0;
    in->is_corrupt = 0;
    m->arrived -= (int64_t)m->context->layer[in->layer].expert_bytes;
  }
  start_pass(m);
}

static int progress_own_copies(eplb_migration_t *m) {
  int done = 0;
  eplb_status_t status = m->context->memory->test(m->context->memory->self, EPLB_LOCAL_QUEUE, &done);
  eplb_migration_note(m, status);
  if (!status && !done)
    return 0;
  m->is_copying = 0;
  m->unfinished--;
  return 1;
}

void eplb_migration_abandon(eplb_migration_t *m) {
  m->context->comm->has_strays |= m->unfinished > 0;
  eplb_transport_mpi_abandon(m);
  m->unfinished = 0;
}

int eplb_migration_progress(eplb_migration_t *m) {
  if (!m->unfinished)
    return 0;
  if (m->context->comm->failure) {
    eplb_migration_abandon(m);
    return 0;
  }
  int any = eplb_transport_shm_receive(m);
  any |= eplb_transport_mpi_progress(m);
  if (m->is_copying)
    any |= progress_own_copies(m);
  for (int at = 0; at < m->window; at++) {
    if (m->open_in[at] >= 0 && is_closed(m, at))
      open_incoming(m, at);
    if (m->open_out[at] >= 0)
      any |= progress_outgoing(m, at);
  }
  return any;
}

/* ---- why a pass failed ---- */

static eplb_status_t say_corrupt(const eplb_migration_t *m, const eplb_incoming_t *in) {
  return eplb_fail(EPLB_ERR_CORRUPT,
                   "layer %d, expert %d: came from rank %d to rank %d with checksum %016llx; it was sent with %016llx",
                   in->layer, in->expert, in->peer, m->context->rank, (unsigned long long)in->found,
                   (unsigned long long)in->hash);
}

eplb_status_t eplb_migration_explain(eplb_migration_t *m, eplb_status_t worst, const unsigned char *again) {
  if (m->status)
    return eplb_fail(m->status, "%s", m->sentence);
  eplb_status_t status = EPLB_SUCCESS;
  for (int p = m->round->part_begin; p < m->round->part_end && !status && worst == EPLB_ERR_CORRUPT; p++) {
    int layer = m->moves->part[p].layer;
    if (m->is_moving[layer] && !again[layer])
      status = eplb_watch_blame(&m->watch, p);
  }
  for (int i = m->round->incoming_begin; i < m->round->incoming_end && !status; i++)
    if (m->moves->incoming[i].is_corrupt && !again[m->moves->incoming[i].layer])
      status = say_corrupt(m, &m->moves->incoming[i]);
  return status;
}

/* ---- commit ---- */

/* Exchanges the slots that the expert's tables name with the spares that it came into. */
static void exchange(const eplb_migrate_context_t *c, const eplb_tensors_t *tensors, int spare, int slot) {
  for (int i = 0; i < tensors->num_tensors; i++) {
    const eplb_tensor_t *t = &tensors->tensor[i];
    if (!t->table)
      continue;
    void *old = t->table[slot];
    t->table[slot] = c->pool[t->pool].spare[spare];
    c->pool[t->pool].spare[spare] = old;
  }
}

/* The first target of what is staged takes it over; all others copy from there. */
static void settle(eplb_migration_t *m, eplb_incoming_t *in, int slot) {
  const eplb_location_t to = {.slot = slot};
  if (in->place.slot == slot)
    return;
  int was_staged = in->place.slot < 0;
  eplb_migration_note(m, eplb_expert_copy(m->context, in->layer, &in->place, &to, !was_staged));
  if (was_staged) {
    exchange(m->context, &m->context->layer[in->layer], in->place.spare, slot);
    eplb_migration_note(m, eplb_expert_wait(m->context)); /* before another reads from the slot */
    in->place = to;
  }
}

void eplb_migration_commit(eplb_migration_t *m, int number) {
  const eplb_commit_unit_t *part = &m->moves->part[number];
  for (int i = part->target_begin; i < part->target_end; i++)
    settle(m, &m->moves->incoming[m->moves->target[i].incoming], m->moves->target[i].own_slot);
  eplb_migration_note(m, eplb_expert_wait(m->context));
}
