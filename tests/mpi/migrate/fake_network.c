#include "core/util/random.h"
#include "fake_transport.h"
#include "mpi/migrate/chunk.h"
#include <stdlib.h>
#include <string.h>

fake_network_t fake_network;

typedef struct parcel {
  struct parcel *next;
  int from, to, tag, asked;
  int64_t chunk;
  int wait; /* calls of progress */
  int copies, is_lost;
  size_t length;
  char bytes[];
} parcel_t;

static parcel_t *queue;

typedef struct fake {
  const eplb_migrate_context_t *context;
  const eplb_migration_plan_t *plan;
  uint64_t *incoming_hash;
  const eplb_round_t *round;
  struct iovec *piece;
  unsigned char *is_posted; /* [num_incoming]; NULL: messages are not asked for */
} fake_t;

static int draw(int below) {
  return (int)(eplb_random(&fake_network.seed) % (uint64_t)below);
}

void fake_network_clear(void) {
  while (queue) {
    parcel_t *p = queue;
    queue = p->next;
    free(p);
  }
}

static size_t asked_chunk(const eplb_migrate_context_t *c, int peer) {
  return (c->rank + peer) % 3 == 0 ? 40 : 0;
}

static size_t unasked_chunk(const eplb_migrate_context_t *c, int peer) {
  (void)c, (void)peer;
  return 24;
}

static void destroy(void *self) {
  fake_t *f = self;
  free(f->piece);
  free(f->is_posted);
  free(f);
}

static eplb_status_t create_unasked(const eplb_migrate_context_t *c, const eplb_migration_plan_t *plan, int window,
                                    uint64_t *incoming_hash, void **self) {
  (void)window;
  fake_t *f = *self = calloc(1, sizeof *f);
  *f = (fake_t){c, plan, incoming_hash, NULL, calloc((size_t)eplb_chunk_most_pieces(c), sizeof *f->piece), NULL};
  return EPLB_SUCCESS;
}

static eplb_status_t create_asked(const eplb_migrate_context_t *c, const eplb_migration_plan_t *plan, int window,
                                  uint64_t *incoming_hash, void **self) {
  create_unasked(c, plan, window, incoming_hash, self);
  ((fake_t *)*self)->is_posted = calloc((size_t)plan->num_incoming + 1, 1);
  return EPLB_SUCCESS;
}

/* What is left over of the pass before are duplicates. */
static void start(void *self, const eplb_round_t *round) {
  fake_t *f = self;
  f->round = round;
  for (parcel_t **at = &queue; *at;) {
    parcel_t *p = *at;
    if (p->to == f->context->rank && p->asked == (f->is_posted != NULL)) {
      *at = p->next;
      free(p);
    } else {
      at = &p->next;
    }
  }
}

static void post_receive(void *self, const eplb_open_message_t *in, eplb_transport_report_t *report) {
  (void)report;
  ((fake_t *)self)->is_posted[in->number] = 1;
}

/* Whether chunk `chunk` would be too far behind one of its message that has not arrived. */
static int is_too_early(const fake_t *f, const eplb_message_t *message, int64_t chunk) {
  for (const parcel_t *p = queue; p; p = p->next)
    if (p->from == f->context->rank && p->to == message->peer && p->tag == message->tag &&
        chunk - p->chunk >= EPLB_MOST_EARLY)
      return fake_network.held < 0;
  return 0;
}

static void put(parcel_t *p) {
  parcel_t **at = &queue;
  while (*at && !(fake_network.shuffles && draw(4) == 0))
    at = &(*at)->next;
  p->next = *at;
  *at = p;
}

static int64_t send(void *self, const eplb_open_message_t *out, int64_t ready, eplb_transport_report_t *report) {
  fake_t *f = self;
  int64_t chunk = out->sent, end = ready - chunk > 8 ? chunk + 1 + draw(8) : ready;
  for (; chunk < end && !is_too_early(f, out->message, chunk); chunk++) {
    size_t begin, to, used = 0;
    eplb_chunk_bounds(f->context, out->message, chunk, &begin, &to);
    parcel_t *p = calloc(1, sizeof *p + to - begin);
    *p = (parcel_t){.from = f->context->rank,
                    .to = out->message->peer,
                    .tag = out->message->tag,
                    .asked = f->is_posted != NULL,
                    .chunk = chunk,
                    .wait = fake_network.num_sent == fake_network.held ? 1000 : draw(fake_network.most_late + 1),
                    .copies = 1 + (fake_network.duplicates && draw(3) == 0),
                    .is_lost = fake_network.num_sent == fake_network.lost,
                    .length = to - begin};
    int pieces = eplb_chunk_pieces(f->context, out->message, out->hash, begin, to, f->piece);
    for (int i = 0; i < pieces; used += f->piece[i++].iov_len)
      memcpy(p->bytes + used, f->piece[i].iov_base, f->piece[i].iov_len);
    if (fake_network.num_sent++ == fake_network.damaged)
      p->bytes[draw((int)p->length)] ^= 1;
    put(p);
    report->messages[out->message->link]++;
  }
  return chunk - out->sent;
}

/* The incoming message that a parcel is of, or -1 if it cannot be taken yet. */
static int find_incoming(const fake_t *f, const parcel_t *p) {
  for (int i = f->round->incoming_begin; i < f->round->incoming_end; i++) {
    const eplb_incoming_t *in = &f->plan->incoming[i];
    if (in->own_slot < 0 && in->message.peer == p->from && in->message.tag == p->tag)
      return f->is_posted && !f->is_posted[i] ? -1 : i;
  }
  return -1;
}

static void deliver(fake_t *f, const parcel_t *p, int number, eplb_transport_report_t *report) {
  const eplb_message_t *in = &f->plan->incoming[number].message;
  size_t begin, end, used = 0;
  eplb_chunk_bounds(f->context, in, p->chunk, &begin, &end);
  int pieces = eplb_chunk_pieces(f->context, in, &f->incoming_hash[number], begin, end, f->piece);
  for (int i = 0; i < pieces; used += f->piece[i++].iov_len)
    memcpy(f->piece[i].iov_base, p->bytes + used, f->piece[i].iov_len);
  eplb_transport_arrived(report, number, p->chunk);
}

/* Whether the parcel is for this rank and transport, and has waited long enough. */
static int is_due(const fake_t *f, parcel_t *p) {
  if (p->is_lost || p->to != f->context->rank || p->asked != (f->is_posted != NULL))
    return 0;
  p->wait -= p->wait > 0;
  return p->wait == 0;
}

static int progress(void *self, eplb_transport_report_t *report) {
  fake_t *f = self;
  int any = 0;
  for (parcel_t **at = &queue; *at && report->num_arrivals < EPLB_MOST_ARRIVALS;) {
    parcel_t *p = *at;
    int number = is_due(f, p) ? find_incoming(f, p) : -1;
    if (number >= 0) {
      any = 1;
      deliver(f, p, number, report);
      p->copies--;
    }
    if (p->copies == 0) {
      *at = p->next;
      free(p);
    } else {
      at = &p->next;
    }
  }
  return any;
}

static const eplb_transport_t asked = {.name = "asked",
                                       .longest_chunk = asked_chunk,
                                       .create = create_asked,
                                       .destroy = destroy,
                                       .start = start,
                                       .post_receive = post_receive,
                                       .send = send,
                                       .progress = progress};
static const eplb_transport_t unasked = {.name = "unasked",
                                         .longest_chunk = unasked_chunk,
                                         .create = create_unasked,
                                         .destroy = destroy,
                                         .start = start,
                                         .send = send,
                                         .progress = progress};
const eplb_transport_t *const fake_transports[] = {&asked, &unasked, NULL};
