/* Drives the transports through a round: opens messages in the order of the plan, counts arrived chunks, passes experts
 * on that other ranks wait for, and commits what has arrived. Never waits: each call does what can be done. */
#include "mpi/migrate/migration.h"
#include "mpi/migrate/chunk.h"
#include "mpi/migrate/expert_copy.h"
#include <string.h>

static const eplb_transport_t *transport_of(const eplb_migration_t *m, const eplb_message_t *message) {
  return m->context->transport[message->transport];
}

static void *self_of(const eplb_migration_t *m, const eplb_message_t *message) {
  return m->transport[message->transport];
}

/* ---- checksums ---- */

static eplb_status_t hash_expert(eplb_migration_t *m, int layer, const eplb_location_t *location, uint64_t *result) {
  double since = MPI_Wtime();
  eplb_status_t status = eplb_expert_hash(m->context, layer, location, m->scratch, result);
  m->seconds_verify += MPI_Wtime() - since;
  return status;
}

static void inject_fault_on_arrival(eplb_migration_t *m, const eplb_message_t *in) {
  size_t length = 0;
  char *bytes = NULL;
  if (m->context->memory->host_can_touch && m->context->layer[in->layer].expert_bytes)
    bytes = eplb_location_address(m->context, in->layer, &in->location, 0, &length);
  eplb_migration_keep_failure(m, eplb_migrate_fault(m->context, EPLB_STEP_ARRIVE, bytes, length));
}

static void verify_checksum(eplb_migration_t *m, int32_t number) {
  const eplb_message_t *in = &m->plan->incoming[number].message;
  eplb_incoming_progress_t *p = &m->progress[number];
  eplb_status_t status = hash_expert(m, in->layer, &in->location, &p->found);
  p->is_corrupt = !status && p->found != m->incoming_hash[number];
  m->num_corrupt += p->is_corrupt;
  eplb_migration_keep_failure(m, status);
}

/* ---- what transports report ---- */

static void finish_incoming(eplb_migration_t *m, int32_t number) {
  const eplb_message_t *in = &m->plan->incoming[number].message;
  inject_fault_on_arrival(m, in);
  if (m->context->verify)
    verify_checksum(m, number);
  m->arrived += (int64_t)m->context->layer[in->layer].expert_bytes;
  m->unfinished--;
}

static void fail_far(eplb_migration_t *m, const eplb_chunk_arrival_t *a, int64_t chunks) {
  const eplb_message_t *in = &m->plan->incoming[a->incoming].message;
  eplb_migration_keep_failure(
      m, eplb_fail(EPLB_ERR_INTERNAL,
                   "transport %s: chunk %lld of %lld of layer %d, expert %d arrived after %lld; expected "
                   "one less than %d chunks behind them",
                   transport_of(m, in)->name, (long long)a->chunk, (long long)chunks, in->layer, in->expert,
                   (long long)m->progress[a->incoming].arrived, EPLB_MOST_EARLY));
}

static void count_next(eplb_incoming_progress_t *p) {
  int next_is_there;
  do {
    next_is_there = (int)(p->early & 1);
    p->early >>= 1;
    p->arrived++;
  } while (next_is_there);
}

/* Counts a chunk that has arrived. One that did before is ignored. One that is too far ahead is a failure, but counts,
 * so that the message ends: other ranks wait for what is passed on. */
static void count_arrival(eplb_migration_t *m, const eplb_chunk_arrival_t *a) {
  eplb_incoming_progress_t *p = &m->progress[a->incoming];
  int64_t chunks = eplb_chunk_count(m->context, &m->plan->incoming[a->incoming].message);
  int64_t ahead = a->chunk - p->arrived;
  if (ahead < 0)
    return;
  if (a->chunk >= chunks || ahead >= EPLB_MOST_EARLY) {
    fail_far(m, a, chunks);
    p->far += a->chunk < chunks;
  } else if (ahead > 0) {
    p->early |= (uint64_t)1 << (ahead - 1);
  } else {
    count_next(p);
  }
  if (p->arrived + __builtin_popcountll(p->early) + p->far < chunks)
    return;
  p->arrived = chunks;
  finish_incoming(m, a->incoming);
}

static int progress_transport(eplb_migration_t *m, int number) {
  m->report.num_arrivals = 0;
  int any = m->context->transport[number]->progress(m->transport[number], &m->report);
  for (int i = 0; i < m->report.num_arrivals; i++)
    count_arrival(m, &m->report.arrival[i]);
  return any;
}

/* ---- opening and closing messages ---- */

/* What needs no message: a copy within the rank, or an expert of no bytes. */
static int needs_no_message(const eplb_migration_t *m, const eplb_incoming_t *in) {
  return in->own_slot >= 0 || eplb_chunk_count(m->context, &in->message) == 0;
}

/* The next incoming message whose transport must be asked for it, in `slot` of the window. */
static void open_incoming(eplb_migration_t *m, int slot) {
  eplb_open_message_t *open = &m->open_in[slot];
  *open = (eplb_open_message_t){.number = -1};
  while (m->next_in < m->round->incoming_end && open->number < 0) {
    const eplb_incoming_t *in = &m->plan->incoming[m->next_in];
    const eplb_transport_t *transport = transport_of(m, &in->message);
    if (m->is_moving[in->message.layer] && !needs_no_message(m, in) && transport->post_receive) {
      *open = (eplb_open_message_t){&in->message, m->next_in, slot, &m->incoming_hash[m->next_in], 0};
      transport->post_receive(self_of(m, &in->message), open, &m->report);
    }
    m->next_in++;
  }
}

static void open_outgoing(eplb_migration_t *m, int slot) {
  eplb_open_message_t *open = &m->open_out[slot];
  *open = (eplb_open_message_t){.number = -1};
  while (m->next_out < m->round->outgoing_end && !m->is_moving[m->plan->outgoing[m->next_out].message.layer])
    m->next_out++;
  if (m->next_out == m->round->outgoing_end)
    return;
  int number = m->next_out++;
  const eplb_outgoing_t *out = &m->plan->outgoing[number];
  uint64_t *own_hash = &m->outgoing_hash[number];
  *open = (eplb_open_message_t){&out->message, number, slot,
                                out->source < 0 ? own_hash : &m->incoming_hash[out->source], 0};
  if (m->context->verify && out->source < 0 && !eplb_watch_checksum(&m->watch, number, own_hash))
    eplb_migration_keep_failure(m, hash_expert(m, out->message.layer, &out->message.location, own_hash));
}

/* How many chunks of an outgoing message can be sent by now: all, or as many as have come of what is passed on. */
static int64_t ready_chunks(const eplb_migration_t *m, int number) {
  const eplb_outgoing_t *out = &m->plan->outgoing[number];
  if (out->source < 0)
    return eplb_chunk_count(m->context, &out->message);
  size_t chunk_bytes = m->plan->incoming[out->source].message.chunk_bytes;
  return eplb_chunk_count_within(m->context, &out->message, m->progress[out->source].arrived, chunk_bytes);
}

static int is_idle(const eplb_migration_t *m, const eplb_open_message_t *out) {
  const eplb_transport_t *transport = transport_of(m, out->message);
  return !transport->is_idle || transport->is_idle(self_of(m, out->message), out);
}

/* Counts sent chunks. Opens the next message if all chunks were sent and the transport no longer needs them. Returns
 * whether anything was done. */
static int count_sent(eplb_migration_t *m, int slot, int64_t sent) {
  eplb_open_message_t *out = &m->open_out[slot];
  out->sent += sent;
  if (out->sent < eplb_chunk_count(m->context, out->message) || !is_idle(m, out))
    return sent > 0;
  m->unfinished--;
  open_outgoing(m, slot);
  return 1;
}

static int is_closed(const eplb_migration_t *m, int slot) {
  const eplb_open_message_t *in = &m->open_in[slot];
  return m->progress[in->number].arrived == eplb_chunk_count(m->context, in->message);
}

/* ---- a round ---- */

static void copy_own(eplb_migration_t *m, const eplb_incoming_t *in) {
  const eplb_location_t from = {.slot = in->own_slot};
  int layer = in->message.layer;
  eplb_migration_keep_failure(m, eplb_expert_copy(m->context, layer, &from, &in->message.location, 1));
  m->arrived += (int64_t)m->context->layer[layer].expert_bytes;
  m->is_copying = !m->context->memory->host_can_touch;
}

/* Copies within the rank, and what needs no message. */
static void finish_without_message(eplb_migration_t *m, const eplb_incoming_t *in) {
  if (in->own_slot >= 0)
    copy_own(m, in);
  m->unfinished--;
}

static void start_pass(eplb_migration_t *m) {
  const eplb_round_t *round = m->round;
  m->report.failure.status = EPLB_SUCCESS;
  m->report.is_refused = 0;
  m->is_copying = m->unfinished = m->num_corrupt = 0;
  m->next_in = round->incoming_begin;
  m->next_out = round->outgoing_begin;
  for (int i = round->outgoing_begin; i < round->outgoing_end; i++)
    m->unfinished += m->is_moving[m->plan->outgoing[i].message.layer];
  for (int i = 0; i < m->num_transports; i++)
    if (m->context->transport[i]->start)
      m->context->transport[i]->start(m->transport[i], round);
  for (int i = round->incoming_begin; i < round->incoming_end; i++) {
    const eplb_incoming_t *in = &m->plan->incoming[i];
    m->unfinished += m->is_moving[in->message.layer];
    if (m->is_moving[in->message.layer] && needs_no_message(m, in))
      finish_without_message(m, in);
  }
  m->unfinished += m->is_copying;
  for (int slot = 0; slot < m->window; slot++) {
    open_incoming(m, slot);
    open_outgoing(m, slot);
  }
}

void eplb_migration_start(eplb_migration_t *m, int number) {
  m->round = &m->plan->round[number];
  memset(m->is_moving, 1, (size_t)m->context->num_layers);
  start_pass(m);
}

void eplb_migration_resend(eplb_migration_t *m, const unsigned char *again) {
  memcpy(m->is_moving, again, (size_t)m->context->num_layers);
  for (int i = m->round->incoming_begin; i < m->round->incoming_end; i++) {
    int layer = m->plan->incoming[i].message.layer;
    if (!again[layer])
      continue;
    m->progress[i] = (eplb_incoming_progress_t){.slot = -1};
    m->arrived -= (int64_t)m->context->layer[layer].expert_bytes;
  }
  start_pass(m);
}

static int progress_own_copies(eplb_migration_t *m) {
  int done = 0;
  eplb_status_t status = m->context->memory->test(m->context->memory->self, EPLB_LOCAL_QUEUE, &done);
  eplb_migration_keep_failure(m, status);
  if (!status && !done)
    return 0;
  m->is_copying = 0;
  m->unfinished--;
  return 1;
}

void eplb_migration_abandon(eplb_migration_t *m) {
  m->context->comm->has_strays |= m->unfinished > 0;
  if (m->is_copying)
    eplb_expert_wait(m->context);
  m->is_copying = 0;
  for (int i = 0; i < m->num_transports; i++)
    if (m->context->transport[i]->abandon)
      m->is_lost |= m->context->transport[i]->abandon(m->transport[i]);
  m->unfinished = 0;
}

int eplb_migration_progress(eplb_migration_t *m) {
  if (!m->unfinished)
    return 0;
  if (m->context->comm->failure) {
    eplb_migration_abandon(m);
    return 0;
  }
  int any = 0;
  for (int i = 0; i < m->num_transports; i++)
    any |= progress_transport(m, i);
  if (m->is_copying)
    any |= progress_own_copies(m);
  for (int slot = 0; slot < m->window; slot++) {
    if (m->open_in[slot].number >= 0 && is_closed(m, slot))
      open_incoming(m, slot);
    const eplb_open_message_t *out = &m->open_out[slot];
    if (out->number >= 0) {
      const eplb_transport_t *transport = transport_of(m, out->message);
      int64_t sent = transport->send(self_of(m, out->message), out, ready_chunks(m, out->number), &m->report);
      any |= count_sent(m, slot, sent);
    }
  }
  return any;
}

/* ---- why a pass failed ---- */

static eplb_status_t fail_corrupt(const eplb_migration_t *m, int number) {
  const eplb_message_t *in = &m->plan->incoming[number].message;
  return eplb_fail(EPLB_ERR_CORRUPT,
                   "layer %d, expert %d: came from rank %d to rank %d with checksum %016llx; it was sent with %016llx",
                   in->layer, in->expert, in->peer, m->context->rank, (unsigned long long)m->progress[number].found,
                   (unsigned long long)m->incoming_hash[number]);
}

eplb_status_t eplb_migration_explain(eplb_migration_t *m, eplb_status_t worst, const unsigned char *again) {
  if (m->report.failure.status)
    return eplb_fail(m->report.failure.status, "%s", m->report.failure.sentence);
  eplb_status_t status = EPLB_SUCCESS;
  for (int u = m->round->unit_begin; u < m->round->unit_end && !status && worst == EPLB_ERR_CORRUPT; u++) {
    int layer = m->plan->unit[u].layer;
    if (m->is_moving[layer] && !again[layer])
      status = eplb_watch_find_written(&m->watch, u);
  }
  for (int i = m->round->incoming_begin; i < m->round->incoming_end && !status; i++)
    if (m->progress[i].is_corrupt && !again[m->plan->incoming[i].message.layer])
      status = fail_corrupt(m, i);
  return status;
}

/* ---- commit ---- */

/* Exchanges the slots that the expert's tables name with the spares that it came into. */
static void swap_tables_with_spares(const eplb_migrate_context_t *c, const eplb_tensors_t *tensors, int spare,
                                    int slot) {
  for (int i = 0; i < tensors->num_tensors; i++) {
    const eplb_tensor_t *t = &tensors->tensor[i];
    if (!t->table)
      continue;
    void *old = t->table[slot];
    t->table[slot] = c->pool[t->pool].spare[spare];
    c->pool[t->pool].spare[spare] = old;
  }
}

/* Puts an incoming expert into a slot. The first target of what is staged takes it over; all others copy from there. */
static eplb_status_t commit_expert(eplb_migration_t *m, int number, int slot) {
  const eplb_message_t *in = &m->plan->incoming[number].message;
  eplb_incoming_progress_t *p = &m->progress[number];
  const eplb_location_t to = {.slot = slot}, committed = {.slot = p->slot};
  const eplb_location_t *from = p->slot >= 0 ? &committed : &in->location;
  if (from->slot == slot)
    return EPLB_SUCCESS;
  eplb_status_t status = eplb_expert_copy(m->context, in->layer, from, &to, from->slot >= 0);
  if (from->slot < 0) {
    swap_tables_with_spares(m->context, &m->context->layer[in->layer], in->location.spare, slot);
    eplb_status_t waited = eplb_expert_wait(m->context); /* before another reads from the slot */
    status = status ? status : waited;
    p->slot = slot;
  }
  return status;
}

eplb_status_t eplb_migration_commit(eplb_migration_t *m, int number) {
  const eplb_commit_unit_t *unit = &m->plan->unit[number];
  eplb_failure_t failure = {0};
  for (int i = unit->target_begin; i < unit->target_end; i++)
    eplb_failure_keep(&failure, commit_expert(m, m->plan->target[i].incoming, m->plan->target[i].own_slot));
  eplb_failure_keep(&failure, eplb_expert_wait(m->context));
  return failure.status ? eplb_fail(failure.status, "%s", failure.sentence) : EPLB_SUCCESS;
}
