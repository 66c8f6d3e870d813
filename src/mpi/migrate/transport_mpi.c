/* Weights by MPI: between any two ranks. Problem: MPI's messages are at most 2 GiB, and must not need more memory
 * than was agreed. Method: each open message has INFLIGHT_CHUNKS requests; its chunks go through them in turn, all
 * with the message's tag, so that MPI matches them in order. Memory that MPI can touch is sent from where weights
 * lie to where they will lie, by a datatype where a chunk is of several tensors; other memory goes through a buffer
 * of the host's for each request, copied while other chunks travel. */
#include "core/util/alloc.h"
#include "mpi/migrate/chunk.h"
#include "mpi/migrate/expert_copy.h"
#include "mpi/migrate/mpi_datatype.h"
#include "mpi/migrate/transport.h"
#include <limits.h>
#include <string.h>

enum { INFLIGHT_CHUNKS = 2 };

typedef enum inflight_state {
  INFLIGHT_IDLE,
  INFLIGHT_COPYING, /* between the buffer and memory that MPI cannot touch */
  INFLIGHT_ON_WAY   /* MPI has it */
} inflight_state_t;

/* A chunk on its way. */
typedef struct inflight {
  inflight_state_t state;
  int64_t chunk;
  char *buffer; /* of the host's memory, where MPI cannot touch the weights' own; else NULL */
} inflight_t;

/* An open message. Messages are numbered by slot, incoming ones first; each has INFLIGHT_CHUNKS chunks in flight. */
typedef struct mpi_message {
  const eplb_open_message_t *open;
  int64_t count;  /* its chunks */
  int64_t posted; /* incoming: chunks asked for; outgoing, by buffers: chunks given to MPI, in order, whichever copy is
                     done first */
} mpi_message_t;

typedef struct mpi_transport {
  const eplb_migrate_context_t *context;
  int window, num_inflight;
  mpi_message_t *message; /* [2 * window] */
  inflight_t *inflight;   /* [num_inflight] */
  MPI_Request *request;   /* of each of them */
  int *completed;
  MPI_Status *status; /* of those */
  eplb_mpi_pieces_t pieces;
  int is_lost; /* MPI failed, and may still touch what it was given: buffers are never freed */
} mpi_transport_t;

/* ---- memory ---- */

static size_t mpi_longest_chunk(const eplb_migrate_context_t *c, int peer) {
  (void)c, (void)peer;
  return INT_MAX;
}

static void mpi_destroy(void *self) {
  mpi_transport_t *t = self;
  if (!t)
    return;
  const eplb_memory_t *memory = t->context->memory;
  /* MPI and copies are done with them, or mpi_abandon was called */
  for (int i = 0; t->inflight && !t->is_lost && i < t->num_inflight; i++)
    memory->release_host(memory->self, t->inflight[i].buffer);
  free(t->message);
  free(t->inflight);
  free(t->request);
  free(t->completed);
  free(t->status);
  eplb_mpi_pieces_free(&t->pieces);
  free(t);
}

static eplb_status_t allocate_buffers(mpi_transport_t *t) {
  const eplb_memory_t *memory = t->context->memory;
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = 0; i < t->num_inflight && !memory->mpi_can_touch && !status; i++) {
    void *buffer = NULL;
    status = memory->allocate_host(memory->self, t->context->chunk_bytes, &buffer);
    t->inflight[i].buffer = status ? NULL : buffer;
  }
  return status;
}

static eplb_status_t mpi_create(const eplb_migrate_context_t *c, const eplb_migration_plan_t *plan, int window,
                                uint64_t *incoming_hash, void **self) {
  (void)plan, (void)incoming_hash;
  mpi_transport_t *t = *self = EPLB_NEW(mpi_transport_t, 1);
  if (!t)
    return EPLB_ERR_MEMORY;
  int inflight = 2 * window * INFLIGHT_CHUNKS;
  *t = (mpi_transport_t){.context = c,
                         .window = window,
                         .num_inflight = inflight,
                         .message = EPLB_NEW(mpi_message_t, 2 * window),
                         .inflight = EPLB_NEW(inflight_t, inflight),
                         .request = EPLB_NEW(MPI_Request, inflight),
                         .completed = EPLB_NEW(int, inflight),
                         .status = EPLB_NEW(MPI_Status, inflight)};
  if (!t->message || !t->inflight || !t->request || !t->completed || !t->status ||
      eplb_mpi_pieces_create(eplb_chunk_most_pieces(c), &t->pieces))
    return EPLB_ERR_MEMORY;
  for (int i = 0; i < inflight; i++)
    t->request[i] = MPI_REQUEST_NULL;
  return allocate_buffers(t);
}

/* ---- which chunk is in flight where ---- */

static int is_incoming(const mpi_transport_t *t, int inflight) {
  return inflight < t->window * INFLIGHT_CHUNKS;
}

static mpi_message_t *message_of(const mpi_transport_t *t, int inflight) {
  return &t->message[inflight / INFLIGHT_CHUNKS];
}

/* Which inflight a chunk of a message goes through. */
static int inflight_of(const mpi_transport_t *t, const mpi_message_t *message, int64_t chunk) {
  return (int)(message - t->message) * INFLIGHT_CHUNKS + (int)(chunk % INFLIGHT_CHUNKS);
}

static void chunk_bounds(const mpi_transport_t *t, int inflight, size_t *begin, size_t *end) {
  eplb_chunk_bounds(t->context, message_of(t, inflight)->open->message, t->inflight[inflight].chunk, begin, end);
}

/* ---- memory that MPI can touch: from where the weights lie to where they will, without a copy of ours ---- */

static int list_pieces(mpi_transport_t *t, int inflight) {
  const eplb_open_message_t *open = message_of(t, inflight)->open;
  size_t begin, end;
  chunk_bounds(t, inflight, &begin, &end);
  return eplb_chunk_pieces(t->context, open->message, open->hash, begin, end, t->pieces.piece);
}

/* Asks the fault callback about the first piece of a chunk; NULL where the processor cannot touch it. */
static void inject_fault(mpi_transport_t *t, eplb_step_t step, eplb_transport_report_t *report) {
  int touches = t->context->memory->host_can_touch;
  void *bytes = touches ? t->pieces.piece[0].iov_base : NULL;
  eplb_failure_keep(&report->failure,
                    eplb_migrate_fault(t->context, step, bytes, touches ? t->pieces.piece[0].iov_len : 0));
}

/* ---- memory that it cannot: through a buffer of the inflight ---- */

/* Copies the part of a chunk's bytes [begin, end) that is the checksum's, between it and the buffer. */
static void copy_hash(const eplb_open_message_t *open, size_t expert_bytes, size_t begin, size_t end, char *buffer,
                      eplb_copy_t direction) {
  size_t from = begin > expert_bytes ? begin : expert_bytes;
  char *tail = (char *)open->hash + (from - expert_bytes);
  buffer += from - begin;
  memcpy(direction == EPLB_COPY_OUT ? buffer : tail, direction == EPLB_COPY_OUT ? tail : buffer, end - from);
}

/* Starts the copies between the buffer and a chunk's weights; its part of the checksum is copied at once. */
static void stage_copy(mpi_transport_t *t, int number, eplb_copy_t direction, eplb_transport_report_t *report) {
  const eplb_memory_t *memory = t->context->memory;
  const eplb_open_message_t *open = message_of(t, number)->open;
  char *buffer = t->inflight[number].buffer;
  size_t begin, end, expert_bytes = t->context->layer[open->message->layer].expert_bytes, at = 0;
  chunk_bounds(t, number, &begin, &end);
  size_t weights_end = end < expert_bytes ? end : expert_bytes;
  int pieces = eplb_chunk_pieces(t->context, open->message, open->hash, begin, weights_end, t->pieces.piece);
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = 0; i < pieces && !status; at += t->pieces.piece[i++].iov_len) {
    void *weights = t->pieces.piece[i].iov_base;
    int out = direction == EPLB_COPY_OUT;
    status = memory->copy(memory->self, number, out ? buffer + at : weights, out ? weights : buffer + at,
                          t->pieces.piece[i].iov_len, direction);
  }
  eplb_failure_keep(&report->failure, status);
  if (end > weights_end)
    copy_hash(open, expert_bytes, begin, end, buffer, direction);
  t->inflight[number].state = INFLIGHT_COPYING;
}

/* Whether the inflight's copies are done. A failed copy counts as done: it is reported, and its message is sent all the
 * same. */
static int copy_is_done(mpi_transport_t *t, int number, eplb_transport_report_t *report) {
  const eplb_memory_t *memory = t->context->memory;
  int done = 0;
  eplb_status_t status = memory->test(memory->self, number, &done);
  eplb_failure_keep(&report->failure, status);
  return status || done;
}

/* ---- sending ---- */

static void send_buffer(mpi_transport_t *t, int number, eplb_transport_report_t *report) {
  mpi_message_t *out = message_of(t, number);
  const eplb_message_t *message = out->open->message;
  char *buffer = t->inflight[number].buffer;
  eplb_comm_t *comm = t->context->comm;
  size_t begin, end;
  chunk_bounds(t, number, &begin, &end);
  eplb_failure_keep(&report->failure, eplb_migrate_fault(t->context, EPLB_STEP_SEND, buffer, end - begin));
  eplb_comm_ok(
      comm,
      MPI_Isend(buffer, (int)(end - begin), MPI_BYTE, message->peer, message->tag, comm->mpi, &t->request[number]),
      "sending weights");
  out->posted++;
  t->inflight[number].state = INFLIGHT_ON_WAY;
}

/* Chunks in order, as inflight ones are idle. */
static int64_t mpi_send(void *self, const eplb_open_message_t *open, int64_t ready, eplb_transport_report_t *report) {
  mpi_transport_t *t = self;
  mpi_message_t *out = &t->message[t->window + open->slot];
  const eplb_message_t *message = open->message;
  eplb_comm_t *comm = t->context->comm;
  if (open->sent == 0)
    *out = (mpi_message_t){.open = open};
  int64_t chunk = open->sent;
  for (; chunk < ready && !comm->failure; chunk++) {
    int number = inflight_of(t, out, chunk);
    if (t->inflight[number].state != INFLIGHT_IDLE)
      break;
    t->inflight[number].chunk = chunk;
    report->messages[message->link]++;
    if (!t->context->memory->mpi_can_touch) {
      stage_copy(t, number, EPLB_COPY_OUT, report);
      continue;
    }
    eplb_mpi_buffer_t b;
    int pieces = list_pieces(t, number);
    inject_fault(t, EPLB_STEP_SEND, report);
    if (eplb_mpi_pieces_describe(&t->pieces, pieces, comm, &b))
      eplb_comm_ok(comm,
                   MPI_Isend(b.address, b.count, b.type, message->peer, message->tag, comm->mpi, &t->request[number]),
                   "sending weights");
    eplb_mpi_buffer_free(&b, comm);
    t->inflight[number].state = INFLIGHT_ON_WAY;
  }
  return chunk - open->sent;
}

static int mpi_is_idle(const void *self, const eplb_open_message_t *open) {
  const mpi_transport_t *t = self;
  int first = (t->window + open->slot) * INFLIGHT_CHUNKS;
  for (int i = first; i < first + INFLIGHT_CHUNKS; i++)
    if (t->inflight[i].state != INFLIGHT_IDLE)
      return 0;
  return 1;
}

/* ---- receiving ---- */

static void post_chunk_receive(mpi_transport_t *t, int number) {
  const eplb_message_t *message = message_of(t, number)->open->message;
  eplb_comm_t *comm = t->context->comm;
  size_t begin, end;
  chunk_bounds(t, number, &begin, &end);
  eplb_mpi_buffer_t b = {t->inflight[number].buffer, (int)(end - begin), MPI_BYTE};
  if (!t->context->memory->mpi_can_touch || eplb_mpi_pieces_describe(&t->pieces, list_pieces(t, number), comm, &b))
    eplb_comm_ok(comm,
                 MPI_Irecv(b.address, b.count, b.type, message->peer, message->tag, comm->mpi, &t->request[number]),
                 "receiving weights");
  eplb_mpi_buffer_free(&b, comm);
  t->inflight[number].state = INFLIGHT_ON_WAY;
}

/* Asks for the next chunks, as inflight ones are idle. */
static void post_chunk_receives(mpi_transport_t *t, mpi_message_t *in) {
  for (; in->posted < in->count && !t->context->comm->failure; in->posted++) {
    int number = inflight_of(t, in, in->posted);
    if (t->inflight[number].state != INFLIGHT_IDLE)
      return;
    t->inflight[number].chunk = in->posted;
    post_chunk_receive(t, number);
  }
}

static void mpi_post_receive(void *self, const eplb_open_message_t *open, eplb_transport_report_t *report) {
  (void)report;
  mpi_transport_t *t = self;
  mpi_message_t *in = &t->message[open->slot];
  *in = (mpi_message_t){.open = open, .count = eplb_chunk_count(t->context, open->message)};
  post_chunk_receives(t, in);
}

static void report_arrival(mpi_transport_t *t, int number, eplb_transport_report_t *report) {
  mpi_message_t *in = message_of(t, number);
  eplb_transport_arrived(report, in->open->number, t->inflight[number].chunk);
  t->inflight[number].state = INFLIGHT_IDLE;
  post_chunk_receives(t, in);
}

/* MPI is done with the inflight. */
static void finish_request(mpi_transport_t *t, int number, eplb_transport_report_t *report) {
  if (!is_incoming(t, number)) {
    t->inflight[number].state = INFLIGHT_IDLE;
  } else if (t->context->memory->mpi_can_touch) {
    list_pieces(t, number);
    inject_fault(t, EPLB_STEP_RECEIVE, report);
    report_arrival(t, number, report);
  } else {
    size_t begin, end;
    chunk_bounds(t, number, &begin, &end);
    eplb_failure_keep(&report->failure,
                      eplb_migrate_fault(t->context, EPLB_STEP_RECEIVE, t->inflight[number].buffer, end - begin));
    stage_copy(t, number, EPLB_COPY_IN, report);
  }
}

/* ---- both ---- */

/* Whether the chunk may follow those before it: chunks of a message have the same tag. */
static int is_in_order(const mpi_transport_t *t, int number) {
  return is_incoming(t, number) || t->inflight[number].chunk == message_of(t, number)->posted;
}

static int progress_copies(mpi_transport_t *t, eplb_transport_report_t *report) {
  int any = 0;
  for (int i = 0; i < t->num_inflight; i++) {
    if (t->inflight[i].state != INFLIGHT_COPYING || !is_in_order(t, i) || !copy_is_done(t, i, report))
      continue;
    any = 1;
    if (is_incoming(t, i))
      report_arrival(t, i, report);
    else
      send_buffer(t, i, report);
  }
  return any;
}

/* Finds the message that failed, if MPI names it. */
static void keep_mpi_failure(mpi_transport_t *t, int code, int done) {
  const char *doing = "moving weights";
  for (int i = 0; code == MPI_ERR_IN_STATUS && done != MPI_UNDEFINED && i < done; i++) {
    int failed = t->status[i].MPI_ERROR;
    if (failed == MPI_SUCCESS || failed == MPI_ERR_PENDING)
      continue;
    doing = is_incoming(t, t->completed[i]) ? "receiving weights" : "sending weights";
    code = failed;
  }
  eplb_comm_ok(t->context->comm, code, doing);
}

/* Each incoming inflight arrives at most once in a call: EPLB_MOST_ARRIVALS is enough. */
static int mpi_progress(void *self, eplb_transport_report_t *report) {
  mpi_transport_t *t = self;
  int done = 0, any = t->context->memory->mpi_can_touch ? 0 : progress_copies(t, report);
  int code = MPI_Testsome(t->num_inflight, t->request, &done, t->completed, t->status);
  if (code != MPI_SUCCESS) {
    keep_mpi_failure(t, code, done);
    return any;
  }
  for (int i = 0; done != MPI_UNDEFINED && i < done; i++)
    finish_request(t, t->completed[i], report);
  return any || (done != MPI_UNDEFINED && done > 0);
}

/* Copies are waited for, whose buffers and weights are about to be freed. Receives are cancelled; buffers of requests
 * that do not complete are left to MPI. All receives are cancelled before any is tested: else a later one could match
 * the message of a cancelled one. */
static int mpi_abandon(void *self) {
  mpi_transport_t *t = self;
  eplb_comm_t *comm = t->context->comm;
  for (int i = 0; i < t->num_inflight; i++)
    if (t->inflight[i].state == INFLIGHT_COPYING)
      eplb_copies_wait(t->context, i);
  for (int i = 0; i < t->num_inflight; i++)
    if (t->request[i] != MPI_REQUEST_NULL && is_incoming(t, i))
      eplb_comm_ok(comm, MPI_Cancel(&t->request[i]), "giving up a message");
  for (int i = 0; i < t->num_inflight; i++) {
    int done = 0;
    if (t->request[i] == MPI_REQUEST_NULL)
      continue;
    if (is_incoming(t, i))
      eplb_comm_ok(comm, MPI_Test(&t->request[i], &done, MPI_STATUS_IGNORE), "giving up a message");
    if (!done)
      t->is_lost = 1;
    if (t->request[i] != MPI_REQUEST_NULL)
      eplb_comm_ok(comm, MPI_Request_free(&t->request[i]), "giving up a message");
    t->request[i] = MPI_REQUEST_NULL;
  }
  return t->is_lost;
}

const eplb_transport_t eplb_transport_mpi = {.name = "mpi",
                                             .longest_chunk = mpi_longest_chunk,
                                             .create = mpi_create,
                                             .destroy = mpi_destroy,
                                             .post_receive = mpi_post_receive,
                                             .send = mpi_send,
                                             .is_idle = mpi_is_idle,
                                             .progress = mpi_progress,
                                             .abandon = mpi_abandon};
