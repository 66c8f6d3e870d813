#include "runtime/moves.h"
#include "core/memory.h"
#include "core/placement.h"

/* Most messages that a rank sends or receives in a flight of several layers: so that testing for their completion stays cheap. */
enum { FLIGHT_MESSAGES = 256 };

/* What a rank takes in and gives out. */
typedef struct traffic {
  size_t staging;
  int messages;
} traffic_t;

typedef struct builder {
  const eplb_session_t *session;
  eplb_moves_t *moves;
  eplb_transfers_t list;     /* the layer's transfers, of all ranks */
  traffic_t *layer, *flight; /* [num_ranks]: of this layer, of the layers of the flight so far */
  int32_t *sent, *received;  /* [num_ranks]: experts to and from each rank in this flight */
  int32_t *incoming_of_slot; /* [own slots]: which incoming a slot gets in this layer, or -1 */
  int32_t *copy_of_slot;     /* [own slots]: which incoming is its copy in this layer, or -1 */
} builder_t;

void eplb_moves_free(eplb_moves_t *moves) {
  free(moves->layer);
  free(moves->flight);
  free(moves->incoming);
  free(moves->outgoing);
  free(moves->target);
  *moves = (eplb_moves_t){0};
}

/* The array with room for one more element at least, or NULL; it doubles. */
static void *with_room(void *array, int count, int *room, size_t size) {
  if (count < *room)
    return array;
  void *grown = eplb_grow(array, 2 * (size_t)*room + 16, size);
  if (grown)
    *room = 2 * *room + 16;
  return grown;
}

static size_t padded(size_t bytes) {
  return (bytes + 15) & ~(size_t)15;
}

/* Whether a copy within a device takes from the slot that the transfer before it took from: then they share one copy. */
static int shares_copy(const eplb_transfers_t *list, int64_t i) {
  const eplb_transfer_t *t = &list->transfer[i];
  return i > 0 && t[-1].link == EPLB_LINK_DEVICE && t[-1].stage == 0 && t[-1].from_slot == t->from_slot;
}

/* What this layer's transfers ask of every rank. */
static void weigh_layer(builder_t *b, size_t message) {
  for (int r = 0; r < b->session->num_ranks; r++)
    b->layer[r] = (traffic_t){0, 0};
  for (int64_t i = 0; i < b->list.count; i++) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    if (t->link == EPLB_LINK_DEVICE) {
      if (t->stage == 0 && !shares_copy(&b->list, i))
        b->layer[t->to_device].staging += padded(message);
      continue;
    }
    b->layer[t->to_device].staging += padded(message);
    b->layer[t->to_device].messages++;
    b->layer[t->from_device].messages++;
  }
}

static eplb_status_t check_staging(const builder_t *b, int layer) {
  for (int r = 0; r < b->session->num_ranks; r++)
    if (b->layer[r].staging > b->moves->staging_limit)
      return eplb_fail(EPLB_ERR_SHAPE,
                       "layer %d: rank %d needs %zu bytes of staging for its new experts; staging_bytes "
                       "allows %zu",
                       layer, r, b->layer[r].staging, b->moves->staging_limit);
  return EPLB_SUCCESS;
}

/* Whether the layer can join the flight that is being filled. */
static int fits(const builder_t *b) {
  for (int r = 0; r < b->session->num_ranks; r++)
    if (b->flight[r].staging + b->layer[r].staging > b->moves->staging_limit ||
        b->flight[r].messages + b->layer[r].messages > FLIGHT_MESSAGES)
      return 0;
  return 1;
}

static eplb_status_t open_flight(builder_t *b) {
  eplb_moves_t *m = b->moves;
  eplb_flight_t *flight = with_room(m->flight, m->num_flights, &m->flight_room, sizeof *flight);
  if (!flight)
    return EPLB_ERR_MEMORY;
  m->flight = flight;
  flight[m->num_flights++] = (eplb_flight_t){
      m->num_layers, m->num_layers, m->num_incoming, m->num_incoming, m->num_outgoing, m->num_outgoing, 0};
  for (int r = 0; r < b->session->num_ranks; r++) {
    b->flight[r] = (traffic_t){0, 0};
    b->sent[r] = b->received[r] = 0;
  }
  return EPLB_SUCCESS;
}

static eplb_status_t open_layer(builder_t *b, int layer) {
  eplb_moves_t *m = b->moves;
  eplb_moved_layer_t *moved = with_room(m->layer, m->num_layers, &m->layer_room, sizeof *moved);
  if (!moved)
    return EPLB_ERR_MEMORY;
  m->layer = moved;
  moved[m->num_layers++] = (eplb_moved_layer_t){
      .layer = layer, .flight = m->num_flights - 1, .target_begin = m->num_targets, .target_end = m->num_targets};
  for (int r = 0; r < b->session->num_ranks; r++) {
    b->flight[r].staging += b->layer[r].staging;
    b->flight[r].messages += b->layer[r].messages;
  }
  for (int s = 0; s < eplb_session_slots(b->session); s++)
    b->incoming_of_slot[s] = b->copy_of_slot[s] = -1;
  return EPLB_SUCCESS;
}

/* A new incoming expert; its number, or -1 without memory. */
static int add_incoming(builder_t *b, const eplb_transfer_t *t, int own_slot, size_t message) {
  eplb_moves_t *m = b->moves;
  eplb_incoming_t *incoming = with_room(m->incoming, m->num_incoming, &m->incoming_room, sizeof *incoming);
  if (!incoming)
    return -1;
  m->incoming = incoming;
  size_t *staging = &m->flight[m->num_flights - 1].staging;
  incoming[m->num_incoming] = (eplb_incoming_t){.layer = t->layer,
                                                .expert = t->expert,
                                                .peer = t->from_device,
                                                .own_slot = own_slot,
                                                .tag = own_slot < 0 ? b->received[t->from_device]++ : 0,
                                                .first_relay = -1,
                                                .offset = *staging};
  *staging += padded(message);
  if (*staging > m->staging_peak)
    m->staging_peak = *staging;
  return m->num_incoming++;
}

static eplb_status_t add_target(builder_t *b, int incoming, int own_slot) {
  eplb_moves_t *m = b->moves;
  eplb_target_t *target = with_room(m->target, m->num_targets, &m->target_room, sizeof *target);
  if (!target)
    return EPLB_ERR_MEMORY;
  m->target = target;
  target[m->num_targets++] = (eplb_target_t){incoming, own_slot};
  b->incoming_of_slot[own_slot] = incoming;
  return EPLB_SUCCESS;
}

/* A transfer to this rank: from another rank, or from an own slot, or a second slot for what it receives anyway. */
static eplb_status_t take(builder_t *b, const eplb_transfer_t *t, size_t message) {
  int first_slot = b->session->topology->slot_begin[b->session->rank];
  int from = t->from_slot - first_slot, incoming;
  if (t->link != EPLB_LINK_DEVICE)
    incoming = add_incoming(b, t, -1, message);
  else if (t->stage > 0)
    incoming = b->incoming_of_slot[from];
  else if (b->copy_of_slot[from] >= 0)
    incoming = b->copy_of_slot[from];
  else
    incoming = b->copy_of_slot[from] = add_incoming(b, t, from, message);
  return incoming < 0 ? EPLB_ERR_MEMORY : add_target(b, incoming, t->to_slot - first_slot);
}

/* A transfer from this rank to another: of what an own slot holds, or of what it receives itself. */
static eplb_status_t give(builder_t *b, const eplb_transfer_t *t) {
  eplb_moves_t *m = b->moves;
  eplb_outgoing_t *outgoing = with_room(m->outgoing, m->num_outgoing, &m->outgoing_room, sizeof *outgoing);
  if (!outgoing)
    return EPLB_ERR_MEMORY;
  m->outgoing = outgoing;
  int own_slot = t->from_slot - b->session->topology->slot_begin[b->session->rank];
  int source = t->stage > 0 ? b->incoming_of_slot[own_slot] : -1;
  outgoing[m->num_outgoing] = (eplb_outgoing_t){.layer = t->layer,
                                                .peer = t->to_device,
                                                .tag = b->sent[t->to_device]++,
                                                .own_slot = source < 0 ? own_slot : -1,
                                                .source = source,
                                                .next_relay = source < 0 ? -1 : m->incoming[source].first_relay};
  if (source >= 0)
    m->incoming[source].first_relay = m->num_outgoing;
  m->num_outgoing++;
  return EPLB_SUCCESS;
}

/* Adds a derived layer: opens a flight where it does not fit the last, and takes this rank's part. */
static eplb_status_t add_layer(builder_t *b, int layer) {
  eplb_moves_t *m = b->moves;
  size_t message = eplb_message_bytes(&b->session->layer[layer], m->verify);
  weigh_layer(b, message);
  eplb_status_t status = check_staging(b, layer);
  if (!status && (m->num_flights == 0 || !fits(b)))
    status = open_flight(b);
  if (!status)
    status = open_layer(b, layer);
  for (int64_t i = 0; i < b->list.count && !status; i++) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    m->layer[m->num_layers - 1].transfers[t->link]++;
    if (t->to_device == b->session->rank)
      status = take(b, t, message);
    else if (t->from_device == b->session->rank)
      status = give(b, t);
  }
  if (status)
    return status;
  m->layer[m->num_layers - 1].target_end = m->num_targets;
  eplb_flight_t *flight = &m->flight[m->num_flights - 1];
  flight->layer_end = m->num_layers;
  flight->incoming_end = m->num_incoming;
  flight->outgoing_end = m->num_outgoing;
  return EPLB_SUCCESS;
}

static eplb_status_t derive_all(builder_t *b, eplb_deriver_t *deriver, const eplb_placement_t *after) {
  const eplb_session_t *s = b->session;
  size_t row_bytes = (size_t)after->num_slots * sizeof(int32_t);
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < after->num_layers && !status; l++) {
    if (!memcmp(eplb_placement_row(s->placement, l), eplb_placement_row(after, l), row_bytes))
      continue;
    status = eplb_derive_layer(deriver, s->placement, after, l, (int64_t)s->layer[l].expert_bytes, &b->list);
    if (!status)
      status = add_layer(b, l);
  }
  return status;
}

/* What staging may take: as configured, or what the largest layer needs if all slots of the largest rank change. */
static size_t staging_limit(const eplb_session_t *s, int verify) {
  if (s->options.staging_bytes)
    return s->options.staging_bytes;
  size_t largest = 0, most = 0;
  for (int l = 0; l < s->options.num_layers; l++) {
    size_t message = padded(eplb_message_bytes(&s->layer[l], verify));
    largest = message > largest ? message : largest;
  }
  for (int r = 0; r < s->num_ranks; r++) {
    size_t slots = (size_t)(s->topology->slot_begin[r + 1] - s->topology->slot_begin[r]);
    most = slots > most ? slots : most;
  }
  return largest * most;
}

eplb_status_t eplb_moves_derive(const eplb_session_t *s, const eplb_placement_t *after, int verify,
                                eplb_moves_t *moves) {
  moves->verify = verify;
  moves->staging_limit = staging_limit(s, verify);
  size_t ranks = (size_t)s->num_ranks, slots = (size_t)eplb_session_slots(s);
  builder_t b = {.session = s,
                 .moves = moves,
                 .layer = EPLB_NEW(traffic_t, ranks),
                 .flight = EPLB_NEW(traffic_t, ranks),
                 .sent = EPLB_NEW(int32_t, ranks),
                 .received = EPLB_NEW(int32_t, ranks),
                 .incoming_of_slot = EPLB_NEW(int32_t, slots),
                 .copy_of_slot = EPLB_NEW(int32_t, slots)};
  eplb_deriver_t *deriver = NULL;
  eplb_status_t status = b.layer && b.flight && b.sent && b.received && b.incoming_of_slot && b.copy_of_slot
                             ? eplb_deriver_create(s->topology, s->options.num_experts, &deriver)
                             : EPLB_ERR_MEMORY;
  if (!status)
    status = derive_all(&b, deriver, after);
  eplb_deriver_destroy(&deriver);
  eplb_transfers_free(&b.list);
  free(b.copy_of_slot);
  free(b.incoming_of_slot);
  free(b.received);
  free(b.sent);
  free(b.flight);
  free(b.layer);
  return status;
}
