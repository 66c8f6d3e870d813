/* From two placements to a plan of rounds and commit units. Problem: staging is limited on every rank, and each rank
 * must derive the same rounds without communication. Method: each layer is cut into commit units that fit every rank's
 * staging (staging.c); units are packed into a round in order, as long as they fit. Cost: O(slots + transfers) for each
 * layer. */
#include "core/model/placement.h"
#include "core/transfer/staging.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/migrate/rank_plan.h"
#include <limits.h>

/* Most messages that a rank sends or receives in a round of several commit units: so that a pair's tags stay below
 * 32,768. */
enum { ROUND_MESSAGES = 16384 };

/* A rank's use of staging, spares and messages. */
typedef struct traffic {
  size_t staging;
  int spares, messages;
} traffic_t;

typedef struct builder {
  const eplb_migrate_context_t *context;
  const eplb_placement_t *before;
  eplb_migration_plan_t *plan;
  eplb_rank_plan_t own;
  eplb_deriver_t *deriver;
  eplb_transfers_t list;        /* the commit unit's transfers, of all ranks */
  eplb_arrival_t *arrival;      /* [num_slots]: of each transfer of the list */
  traffic_t *unit_traffic;      /* [num_ranks]: of this commit unit */
  traffic_t *round_traffic;     /* [num_ranks]: of the round's commit units so far */
  double *sent, *received;      /* [num_ranks]: bytes to and from other ranks */
  int32_t *row, *next, *step;   /* [num_slots]: the layer before and after a commit unit, and each slot's commit unit */
  unsigned char *read, *copied; /* [num_slots]: a transfer reads the slot; a copy within its device reads it */
  unsigned char *passes_on;     /* [num_slots]: what the slot gets crosses the network from there, now or later */
  int spares_limit;
} builder_t;

void eplb_migration_plan_free(eplb_migration_plan_t *plan) {
  free(plan->unit);
  free(plan->round);
  free(plan->incoming);
  free(plan->outgoing);
  free(plan->target);
  free(plan->change);
  *plan = (eplb_migration_plan_t){0};
}

/* ---- one commit unit: how its experts arrive, and each rank's traffic ---- */

/* A slot can be written before the commit if it is empty, or, in place, if no transfer of this commit unit reads it. */
static int is_free(const builder_t *b, int slot) {
  return b->row[slot] == EPLB_EMPTY || (b->context->mode == EPLB_MODE_IN_PLACE && !b->read[slot]);
}

static void choose_arrivals(builder_t *b) {
  const eplb_transfer_t *list = b->list.transfer;
  size_t slots = (size_t)b->before->num_slots;
  memset(b->read, 0, slots);
  memset(b->copied, 0, slots);
  for (int64_t i = 0; i < b->list.count; i++)
    b->read[list[i].from_slot] |= list[i].stage == 0;
  for (int64_t i = 0; i < b->list.count; i++) {
    const eplb_transfer_t *t = &list[i];
    int is_copy = t->link == EPLB_LINK_DEVICE, is_shared = is_copy && (t->stage > 0 || b->copied[t->from_slot]);
    if (is_copy && t->stage == 0)
      b->copied[t->from_slot] = 1;
    b->arrival[i] = is_shared                ? EPLB_ARRIVES_SHARED
                    : is_free(b, t->to_slot) ? EPLB_ARRIVES_DIRECT
                                             : EPLB_ARRIVES_STAGED;
  }
}

/* From the last stage to the first. */
static void find_relays(builder_t *b) {
  memset(b->passes_on, 0, (size_t)b->before->num_slots);
  for (int64_t i = b->list.count - 1; i >= 0; i--) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    if (t->stage > 0 && (t->link == EPLB_LINK_NETWORK || b->passes_on[t->to_slot]))
      b->passes_on[t->from_slot] = 1;
  }
}

/* Whether the transfer's expert crosses the network once more than by this transfer alone. */
static int is_relayed(const builder_t *b, const eplb_transfer_t *t) {
  return b->passes_on[t->to_slot] || (t->stage > 0 && t->link == EPLB_LINK_NETWORK);
}

static void count_unit_traffic(builder_t *b, int layer) {
  const eplb_tensors_t *tensors = &b->context->layer[layer];
  for (int r = 0; r < b->context->num_ranks; r++)
    b->unit_traffic[r] = (traffic_t){0, 0, 0};
  for (int64_t i = 0; i < b->list.count; i++) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    if (b->arrival[i] == EPLB_ARRIVES_STAGED) {
      b->unit_traffic[t->to_device].staging += eplb_staged_size(b->context, layer);
      b->unit_traffic[t->to_device].spares += eplb_tensors_have_tables(tensors);
    }
    if (t->link == EPLB_LINK_DEVICE)
      continue;
    b->unit_traffic[t->to_device].messages++;
    b->unit_traffic[t->from_device].messages++;
    b->received[t->to_device] += (double)tensors->expert_bytes;
    b->sent[t->from_device] += (double)tensors->expert_bytes;
  }
}

/* Whether the commit unit can join the round that is being filled. */
static int unit_fits_round(const builder_t *b) {
  for (int r = 0; r < b->context->num_ranks; r++)
    if (b->round_traffic[r].staging + b->unit_traffic[r].staging > b->plan->staging_limit ||
        b->round_traffic[r].spares + b->unit_traffic[r].spares > b->spares_limit ||
        b->round_traffic[r].messages + b->unit_traffic[r].messages > ROUND_MESSAGES)
      return 0;
  return 1;
}

static eplb_status_t open_round(builder_t *b) {
  eplb_migration_plan_t *m = b->plan;
  eplb_round_t *round = eplb_reserve_one(m->round, m->num_rounds, &m->round_room, sizeof *round);
  if (!round)
    return EPLB_ERR_MEMORY;
  m->round = round;
  round[m->num_rounds++] =
      (eplb_round_t){m->num_units, m->num_units, m->num_incoming, m->num_incoming, m->num_outgoing, m->num_outgoing};
  for (int r = 0; r < b->context->num_ranks; r++)
    b->round_traffic[r] = (traffic_t){0, 0, 0};
  eplb_rank_plan_open_round(&b->own);
  return EPLB_SUCCESS;
}

static eplb_status_t open_unit(builder_t *b, int layer) {
  eplb_migration_plan_t *m = b->plan;
  eplb_commit_unit_t *unit = eplb_reserve_one(m->unit, m->num_units, &m->unit_room, sizeof *unit);
  if (!unit)
    return EPLB_ERR_MEMORY;
  m->unit = unit;
  unit[m->num_units++] = (eplb_commit_unit_t){.layer = layer,
                                              .target_begin = m->num_targets,
                                              .target_end = m->num_targets,
                                              .change_begin = m->num_changes,
                                              .change_end = m->num_changes,
                                              .incoming_begin = m->num_incoming,
                                              .outgoing_begin = m->num_outgoing};
  for (int r = 0; r < b->context->num_ranks; r++) {
    b->round_traffic[r].staging += b->unit_traffic[r].staging;
    b->round_traffic[r].spares += b->unit_traffic[r].spares;
    b->round_traffic[r].messages += b->unit_traffic[r].messages;
  }
  eplb_rank_plan_open_unit(&b->own);
  return EPLB_SUCCESS;
}

/* ---- what a commit writes into the map ---- */

static eplb_status_t add_change(eplb_migration_plan_t *m, int slot, int expert, int direct) {
  eplb_change_t *change = eplb_reserve_one(m->change, m->num_changes, &m->change_room, sizeof *change);
  if (!change)
    return EPLB_ERR_MEMORY;
  m->change = change;
  change[m->num_changes++] = (eplb_change_t){slot, expert, direct};
  return EPLB_SUCCESS;
}

/* The slots that get an expert, and those that get empty. */
static eplb_status_t add_changes(builder_t *b) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int64_t i = 0; i < b->list.count && !status; i++) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    status = add_change(b->plan, t->to_slot, t->expert, b->arrival[i] == EPLB_ARRIVES_DIRECT);
  }
  for (int s = 0; s < b->before->num_slots && !status; s++)
    if (b->next[s] == EPLB_EMPTY && b->row[s] != EPLB_EMPTY)
      status = add_change(b->plan, s, EPLB_EMPTY, 0);
  return status;
}

/* Adds the commit unit that turns b->row into b->next, and this rank's transfers. Opens a round if the unit does not
 * fit the last one, or needs experts that the last one brings. */
static eplb_status_t add_unit(builder_t *b, int layer, int is_first) {
  eplb_migration_plan_t *m = b->plan;
  int64_t bytes = (int64_t)b->context->layer[layer].expert_bytes;
  eplb_status_t status = eplb_derive_layer(b->deriver, b->row, b->next, layer, bytes, &b->list);
  if (status)
    return status;
  choose_arrivals(b);
  find_relays(b);
  count_unit_traffic(b, layer);
  if (m->num_rounds == 0 || !is_first || !unit_fits_round(b))
    status = open_round(b);
  if (!status)
    status = open_unit(b, layer);
  for (int64_t i = 0; i < b->list.count && !status; i++) {
    const eplb_transfer_t *t = &b->list.transfer[i];
    m->unit[m->num_units - 1].transfers[t->link]++;
    status = eplb_rank_plan_add(&b->own, t, b->arrival[i], is_relayed(b, t));
  }
  if (!status)
    status = add_changes(b);
  if (status)
    return status;
  eplb_commit_unit_t *unit = &m->unit[m->num_units - 1];
  unit->target_end = m->num_targets;
  unit->change_end = m->num_changes;
  unit->incoming_end = m->num_incoming;
  unit->outgoing_end = m->num_outgoing;
  eplb_round_t *round = &m->round[m->num_rounds - 1];
  round->unit_end = m->num_units;
  round->incoming_end = m->num_incoming;
  round->outgoing_end = m->num_outgoing;
  return EPLB_SUCCESS;
}

/* ---- a layer, and all of them ---- */

/* How many experts of the layer every rank can stage. */
static eplb_status_t find_capacity(const builder_t *b, int layer, int *capacity) {
  size_t size = eplb_staged_size(b->context, layer), most = size ? b->plan->staging_limit / size : INT_MAX;
  if (most < 1)
    return eplb_fail(EPLB_ERR_SHAPE, "layer %d: an expert needs %s of staging; staging_bytes allows %zu", layer,
                     eplb_count(size, "byte"), b->plan->staging_limit);
  int spares = eplb_tensors_spares(&b->context->layer[layer], b->context->pool);
  *capacity = most < (size_t)spares ? (int)most : spares;
  return EPLB_SUCCESS;
}

static eplb_status_t add_layer(builder_t *b, eplb_placement_t *after, int layer) {
  const eplb_migrate_context_t *c = b->context;
  int slots = after->num_slots, capacity = 0, steps = 0;
  size_t row_bytes = (size_t)slots * sizeof(int32_t);
  int32_t *goal = eplb_placement_row(after, layer);
  memcpy(b->row, eplb_placement_row(b->before, layer), row_bytes);
  if (!memcmp(b->row, goal, row_bytes))
    return EPLB_SUCCESS;
  eplb_status_t status = find_capacity(b, layer, &capacity);
  if (!status)
    status = eplb_staging_steps_cut(
        c->topology, &(const eplb_staging_steps_t){after->num_experts, capacity, b->row, goal, b->step}, &steps);
  b->plan->num_layers += steps > 0;
  for (int step = 0; step < steps && !status; step++) {
    memcpy(b->next, b->row, row_bytes);
    eplb_staging_steps_apply(slots, goal, b->step, step, b->next);
    status = add_unit(b, layer, step == 0);
    memcpy(b->row, b->next, row_bytes);
  }
  if (!status && steps)
    b->plan->unit[b->plan->num_units - 1].is_last = 1;
  return status;
}

/* What staging may take: as configured, or what the largest layer needs if all slots of the largest rank change. */
static size_t staging_limit(const eplb_migrate_context_t *c) {
  if (c->staging_limit)
    return c->staging_limit;
  size_t largest = 0, most = 0;
  for (int l = 0; l < c->num_layers; l++)
    largest = eplb_staged_size(c, l) > largest ? eplb_staged_size(c, l) : largest;
  for (int r = 0; r < c->num_ranks; r++) {
    size_t slots = (size_t)(c->topology->slot_begin[r + 1] - c->topology->slot_begin[r]);
    most = slots > most ? slots : most;
  }
  return largest * most;
}

static double busiest_over_mean(const double *bytes, int num_ranks) {
  double most = 0, all = 0;
  for (int r = 0; r < num_ranks; r++) {
    most = bytes[r] > most ? bytes[r] : most;
    all += bytes[r];
  }
  return all > 0 ? most * num_ranks / all : 1;
}

static eplb_status_t create_builder(builder_t *b, const eplb_migrate_context_t *c, const eplb_placement_t *before,
                                    eplb_migration_plan_t *plan) {
  int slots = before->num_slots;
  *b = (builder_t){.context = c,
                   .before = before,
                   .plan = plan,
                   .arrival = EPLB_NEW(eplb_arrival_t, slots),
                   .unit_traffic = EPLB_NEW(traffic_t, c->num_ranks),
                   .round_traffic = EPLB_NEW(traffic_t, c->num_ranks),
                   .sent = EPLB_NEW(double, c->num_ranks),
                   .received = EPLB_NEW(double, c->num_ranks),
                   .row = EPLB_NEW(int32_t, slots),
                   .next = EPLB_NEW(int32_t, slots),
                   .step = EPLB_NEW(int32_t, slots),
                   .read = EPLB_NEW(unsigned char, slots),
                   .copied = EPLB_NEW(unsigned char, slots),
                   .passes_on = EPLB_NEW(unsigned char, slots),
                   .spares_limit = INT_MAX};
  if (!b->arrival || !b->unit_traffic || !b->round_traffic || !b->sent || !b->received || !b->row || !b->next ||
      !b->step || !b->read || !b->copied || !b->passes_on)
    return EPLB_ERR_MEMORY;
  for (int l = 0; l < c->num_layers; l++) {
    int spares = eplb_tensors_spares(&c->layer[l], c->pool);
    b->spares_limit = spares < b->spares_limit ? spares : b->spares_limit;
  }
  eplb_status_t status = eplb_rank_plan_init(&b->own, c, plan);
  return status ? status : eplb_deriver_create(c->topology, c->num_experts, &b->deriver);
}

static void free_builder(builder_t *b) {
  eplb_rank_plan_free(&b->own);
  eplb_deriver_destroy(&b->deriver);
  eplb_transfers_free(&b->list);
  free(b->arrival);
  free(b->unit_traffic);
  free(b->round_traffic);
  free(b->sent);
  free(b->received);
  free(b->row);
  free(b->next);
  free(b->step);
  free(b->read);
  free(b->copied);
  free(b->passes_on);
}

eplb_status_t eplb_migration_plan_derive(const eplb_migrate_context_t *c, const eplb_placement_t *before,
                                         eplb_placement_t *after, eplb_migration_plan_t *plan) {
  builder_t b;
  plan->staging_limit = staging_limit(c);
  eplb_status_t status = create_builder(&b, c, before, plan);
  for (int l = 0; l < after->num_layers && !status; l++)
    status = add_layer(&b, after, l);
  if (!status) {
    plan->busiest_sender = busiest_over_mean(b.sent, c->num_ranks);
    plan->busiest_receiver = busiest_over_mean(b.received, c->num_ranks);
  }
  free_builder(&b);
  return status;
}
