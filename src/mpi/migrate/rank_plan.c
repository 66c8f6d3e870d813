/* This rank's share of a plan: picks its own transfers, gives each a tag, a transport, a chunk size and a location. */
#include "mpi/migrate/rank_plan.h"
#include "core/util/alloc.h"
#include "mpi/migrate/transport.h"

void *eplb_reserve_one(void *array, int count, int *room, size_t size) {
  if (count < *room)
    return array;
  void *grown = eplb_grow(array, 2 * (size_t)*room + 16, size);
  if (grown)
    *room = 2 * *room + 16;
  return grown;
}

/* Whole lines of a cache, so that wide loads and device copies find them aligned; nothing where all is reached by
 * tables. */
size_t eplb_staged_size(const eplb_migrate_context_t *c, int layer) {
  return (c->layer[layer].staged_bytes + 15) & ~(size_t)15;
}

eplb_status_t eplb_rank_plan_init(eplb_rank_plan_t *own, const eplb_migrate_context_t *c, eplb_migration_plan_t *plan) {
  int slots = eplb_migrate_slots(c);
  *own = (eplb_rank_plan_t){.context = c,
                            .plan = plan,
                            .sent = EPLB_NEW(int32_t, c->num_ranks),
                            .received = EPLB_NEW(int32_t, c->num_ranks),
                            .incoming_of_slot = EPLB_NEW(int32_t, slots),
                            .copy_of_slot = EPLB_NEW(int32_t, slots)};
  return own->sent && own->received && own->incoming_of_slot && own->copy_of_slot ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

void eplb_rank_plan_free(eplb_rank_plan_t *own) {
  free(own->sent);
  free(own->received);
  free(own->incoming_of_slot);
  free(own->copy_of_slot);
  *own = (eplb_rank_plan_t){0};
}

void eplb_rank_plan_open_round(eplb_rank_plan_t *own) {
  own->staging = 0;
  own->spares = 0;
  for (int r = 0; r < own->context->num_ranks; r++)
    own->sent[r] = own->received[r] = 0;
}

void eplb_rank_plan_open_unit(eplb_rank_plan_t *own) {
  for (int s = 0; s < eplb_migrate_slots(own->context); s++)
    own->incoming_of_slot[s] = own->copy_of_slot[s] = -1;
}

/* A rank that passes an expert on over the network starts one chunk later than its supplier; the larger the chunks, the
 * longer the delay. So experts that cross the network more than once are cut finer. */
enum { RELAYED_CHUNKS = 32, RELAYED_LEAST = 4096 };

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* How the message with `peer` is cut, by a transport: the same at both ends. */
static size_t chunk_bytes(const eplb_migrate_context_t *c, int layer, int peer, int transport, int is_relayed) {
  size_t most = c->chunk_bytes, fine = c->layer[layer].expert_bytes / RELAYED_CHUNKS;
  if (is_relayed)
    most = smaller(most, fine < RELAYED_LEAST ? RELAYED_LEAST : fine - fine % RELAYED_LEAST);
  return smaller(most, c->transport[transport]->longest_chunk(c, peer));
}

static eplb_message_t make_message(const eplb_rank_plan_t *own, const eplb_transfer_t *t, int peer,
                                   eplb_location_t location, int is_relayed) {
  int transport = eplb_transport_find(own->context, peer);
  return (eplb_message_t){.layer = t->layer,
                          .expert = t->expert,
                          .peer = peer,
                          .link = t->link,
                          .transport = transport,
                          .location = location,
                          .chunk_bytes = chunk_bytes(own->context, t->layer, peer, transport, is_relayed)};
}

/* A place for an incoming expert: the slot itself, or the next of staging. */
static eplb_location_t choose_location(eplb_rank_plan_t *own, int layer, int slot, eplb_arrival_t arrival) {
  if (arrival == EPLB_ARRIVES_DIRECT)
    return (eplb_location_t){.slot = slot};
  eplb_location_t location = {.slot = -1, .spare = own->spares, .staging = own->staging};
  own->spares += eplb_tensors_have_tables(&own->context->layer[layer]);
  own->staging += eplb_staged_size(own->context, layer);
  if (own->staging > own->plan->staging_peak)
    own->plan->staging_peak = own->staging;
  return location;
}

/* A new incoming expert; its number, or -1 without memory. */
static int add_incoming(eplb_rank_plan_t *own, const eplb_transfer_t *t, int own_slot, int to_slot,
                        eplb_arrival_t arrival, int is_relayed) {
  eplb_migration_plan_t *m = own->plan;
  eplb_incoming_t *incoming = eplb_reserve_one(m->incoming, m->num_incoming, &m->incoming_room, sizeof *incoming);
  if (!incoming)
    return -1;
  m->incoming = incoming;
  eplb_incoming_t *in = &incoming[m->num_incoming];
  *in = (eplb_incoming_t){
      make_message(own, t, t->from_device, choose_location(own, t->layer, to_slot, arrival), is_relayed), own_slot};
  if (own_slot < 0)
    in->message.tag = own->received[t->from_device]++;
  return m->num_incoming++;
}

static eplb_status_t add_target(eplb_rank_plan_t *own, int incoming, int own_slot) {
  eplb_migration_plan_t *m = own->plan;
  eplb_target_t *target = eplb_reserve_one(m->target, m->num_targets, &m->target_room, sizeof *target);
  if (!target)
    return EPLB_ERR_MEMORY;
  m->target = target;
  target[m->num_targets++] = (eplb_target_t){incoming, own_slot};
  own->incoming_of_slot[own_slot] = incoming;
  return EPLB_SUCCESS;
}

/* A transfer to this rank: from another rank, from an own slot, or into a second slot of an expert that it receives. */
static eplb_status_t add_own(eplb_rank_plan_t *own, const eplb_transfer_t *t, eplb_arrival_t arrival, int is_relayed) {
  int first_slot = own->context->topology->slot_begin[own->context->rank];
  int from = t->from_slot - first_slot, to = t->to_slot - first_slot, incoming;
  if (t->link != EPLB_LINK_DEVICE)
    incoming = add_incoming(own, t, -1, to, arrival, is_relayed);
  else if (t->stage > 0)
    incoming = own->incoming_of_slot[from];
  else if (arrival == EPLB_ARRIVES_SHARED)
    incoming = own->copy_of_slot[from];
  else
    incoming = own->copy_of_slot[from] = add_incoming(own, t, from, to, arrival, is_relayed);
  return incoming < 0 ? EPLB_ERR_MEMORY : add_target(own, incoming, to);
}

/* A transfer from this rank to another: of what an own slot holds, or of what it receives itself. */
static eplb_status_t add_outgoing(eplb_rank_plan_t *own, const eplb_transfer_t *t, int is_relayed) {
  eplb_migration_plan_t *m = own->plan;
  eplb_outgoing_t *outgoing = eplb_reserve_one(m->outgoing, m->num_outgoing, &m->outgoing_room, sizeof *outgoing);
  if (!outgoing)
    return EPLB_ERR_MEMORY;
  m->outgoing = outgoing;
  eplb_location_t location = {.slot = t->from_slot - own->context->topology->slot_begin[own->context->rank]};
  int source = t->stage > 0 ? own->incoming_of_slot[location.slot] : -1;
  if (source >= 0 && m->incoming[source].own_slot >= 0) { /* it is here already */
    location.slot = m->incoming[source].own_slot;
    source = -1;
  } else if (source >= 0) {
    location = m->incoming[source].message.location;
  }
  eplb_outgoing_t *out = &outgoing[m->num_outgoing++];
  *out = (eplb_outgoing_t){make_message(own, t, t->to_device, location, is_relayed), source};
  out->message.tag = own->sent[t->to_device]++;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_rank_plan_add(eplb_rank_plan_t *own, const eplb_transfer_t *t, eplb_arrival_t arrival,
                                 int is_relayed) {
  if (t->to_device == own->context->rank)
    return add_own(own, t, arrival, is_relayed);
  return t->from_device == own->context->rank ? add_outgoing(own, t, is_relayed) : EPLB_SUCCESS;
}
