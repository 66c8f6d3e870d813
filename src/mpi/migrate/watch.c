/* Finds writes to weights that move. Problem: the job may write a slot while the library reads it, and then ranks would
 * hold different experts. Method: fingerprints of what is read, taken at begin and compared before the commit; one sum
 * over all ranks shows whether each expert arrived as it was sent; only if it is not 0, ranks search for the expert.
 * Cost: 512 bytes of each tensor by default. */
#include "mpi/migrate/watch.h"
#include "core/util/alloc.h"
#include "mpi/migrate/expert_copy.h"
#include <string.h>

/* ---- which slots are read ---- */

/* The commit unit before `unit` of the same layer that brings what `slot` then holds, or -1. */
static int32_t find_writing_unit(const eplb_migration_plan_t *m, int unit, int slot) {
  for (int u = unit - 1; u >= 0 && m->unit[u].layer == m->unit[unit].layer; u--)
    for (int i = m->unit[u].target_begin; i < m->unit[u].target_end; i++)
      if (m->target[i].own_slot == slot)
        return u;
  return -1;
}

/* The number of the watched slot, which is added unless the commit unit reads it already; last[slot] is where it was
 * added last. */
static int32_t watch_slot(eplb_watch_t *w, int unit, int expert, int slot, int32_t *last) {
  int32_t *count = &w->slot_begin[unit + 1];
  if (last[slot] < w->slot_begin[unit]) {
    last[slot] = *count;
    w->slot[(*count)++] = (eplb_watched_slot_t){.layer = w->plan->unit[unit].layer,
                                                .expert = expert,
                                                .slot = slot,
                                                .known_after = find_writing_unit(w->plan, unit, slot)};
  }
  return last[slot];
}

static void list_read_slots(eplb_watch_t *w, int32_t *last) {
  const eplb_migration_plan_t *m = w->plan;
  for (int i = 0; i < eplb_migrate_slots(w->context); i++)
    last[i] = -1;
  for (int u = 0; u < m->num_units; u++) {
    const eplb_commit_unit_t *unit = &m->unit[u];
    w->slot_begin[u + 1] = w->slot_begin[u];
    for (int i = unit->outgoing_begin; i < unit->outgoing_end; i++) {
      const eplb_outgoing_t *out = &m->outgoing[i];
      w->slot_of_outgoing[i] =
          out->source < 0 ? watch_slot(w, u, out->message.expert, out->message.location.slot, last) : -1;
    }
    for (int i = unit->incoming_begin; i < unit->incoming_end; i++) {
      const eplb_incoming_t *in = &m->incoming[i];
      w->slot_of_incoming[i] = in->own_slot >= 0 ? watch_slot(w, u, in->message.expert, in->own_slot, last) : -1;
    }
  }
}

/* What the sums over all ranks in eplb_watch_find_different need. */
static int table_values(const eplb_migrate_context_t *c, const eplb_migration_plan_t *m) {
  int most = m->num_units > c->num_experts ? m->num_units : c->num_experts;
  return most > 2 * c->num_ranks ? most : 2 * c->num_ranks;
}

eplb_status_t eplb_watch_init(eplb_watch_t *w, const eplb_migrate_context_t *c, const eplb_migration_plan_t *m,
                              uint64_t salt, char *scratch) {
  *w = (eplb_watch_t){.context = c,
                      .plan = m,
                      .slot = EPLB_NEW(eplb_watched_slot_t, m->num_incoming + m->num_outgoing),
                      .slot_begin = EPLB_NEW(int32_t, m->num_units + 1),
                      .slot_of_incoming = EPLB_NEW(int32_t, m->num_incoming),
                      .slot_of_outgoing = EPLB_NEW(int32_t, m->num_outgoing),
                      .arrived = EPLB_NEW(uint64_t, m->num_incoming),
                      .table = EPLB_NEW(uint64_t, table_values(c, m))};
  int32_t *last = EPLB_NEW(int32_t, eplb_migrate_slots(c));
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (w->slot && w->slot_begin && w->slot_of_incoming && w->slot_of_outgoing && w->arrived && w->table && last)
    status = eplb_sampler_init(&w->sampler, c, salt, scratch);
  if (!status)
    list_read_slots(w, last);
  free(last);
  return status;
}

void eplb_watch_free(eplb_watch_t *w) {
  eplb_sampler_free(&w->sampler);
  free(w->slot);
  free(w->slot_begin);
  free(w->slot_of_incoming);
  free(w->slot_of_outgoing);
  free(w->arrived);
  free(w->table);
  *w = (eplb_watch_t){0};
}

/* ---- fingerprints ---- */

static eplb_status_t sample_slot(eplb_watch_t *w, const eplb_watched_slot_t *slot, uint64_t *result) {
  const eplb_location_t location = {.slot = slot->slot};
  return eplb_sampler_add(&w->sampler, slot->layer, slot->expert, &location, result);
}

/* Ends reading that went as `status` says. */
static eplb_status_t finish_samples(eplb_watch_t *w, eplb_status_t status) {
  eplb_status_t flushed = eplb_sampler_flush(&w->sampler);
  return status ? status : flushed;
}

/* Takes those of commit units [begin, end) that are known after a commit unit from `first` to `last`. */
static eplb_status_t take_fingerprints(eplb_watch_t *w, int begin, int end, int first, int last) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end] && !status; i++)
    if (w->slot[i].known_after >= first && w->slot[i].known_after <= last)
      status = sample_slot(w, &w->slot[i], &w->slot[i].before);
  return finish_samples(w, status);
}

/* The first commit unit from `unit` on that is not of `layer`. */
static int end_of_layer(const eplb_migration_plan_t *m, int unit, int layer) {
  while (unit < m->num_units && m->unit[unit].layer == layer)
    unit++;
  return unit;
}

eplb_status_t eplb_watch_begin(eplb_watch_t *w) {
  return take_fingerprints(w, 0, w->plan->num_units, -1, -1);
}

eplb_status_t eplb_watch_after_commit(eplb_watch_t *w, int unit) {
  return take_fingerprints(w, unit + 1, end_of_layer(w->plan, unit + 1, w->plan->unit[unit].layer), unit, unit);
}

eplb_status_t eplb_watch_after_write(eplb_watch_t *w, int layer, int next_unit) {
  int begin = next_unit;
  while (begin < w->plan->num_units && w->plan->unit[begin].layer != layer)
    begin++;
  return take_fingerprints(w, begin, end_of_layer(w->plan, begin, layer), -1, next_unit - 1);
}

/* ---- comparing them ---- */

static eplb_status_t fail_changed(const eplb_watch_t *w, int layer, int expert) {
  return eplb_fail(EPLB_ERR_CHANGED, "layer %d, expert %d was written on rank %d after the rebalance began", layer,
                   expert, w->context->rank);
}

/* An expert differs from what was sent. Only the library writes staging, so there it is corrupt. */
static eplb_status_t fail_different(const eplb_watch_t *w, const eplb_incoming_t *in) {
  if (in->message.location.slot >= 0)
    return fail_changed(w, in->message.layer, in->message.expert);
  return eplb_fail(EPLB_ERR_CORRUPT, "layer %d, expert %d: what came from rank %d to rank %d is not what was sent",
                   in->message.layer, in->message.expert, in->message.peer, w->context->rank);
}

/* What was compared with a checksum when it arrived in staging need not be read again. */
static int is_verified(const eplb_watch_t *w, const eplb_incoming_t *in) {
  return w->context->read_whole && in->own_slot < 0 && in->message.location.slot < 0;
}

static eplb_status_t sample_slots(eplb_watch_t *w, int begin, int end) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end] && !status; i++)
    status = sample_slot(w, &w->slot[i], &w->slot[i].now);
  return status;
}

static eplb_status_t sample_arrived(eplb_watch_t *w, const eplb_commit_unit_t *unit) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = unit->incoming_begin; i < unit->incoming_end && !status; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    if (is_verified(w, in))
      w->arrived[i] = w->incoming_hash[i];
    else
      status =
          eplb_sampler_add(&w->sampler, in->message.layer, in->message.expert, &in->message.location, &w->arrived[i]);
  }
  return status;
}

static eplb_status_t compare_slots(const eplb_watch_t *w, int begin, int end) {
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end]; i++)
    if (w->slot[i].now != w->slot[i].before)
      return fail_changed(w, w->slot[i].layer, w->slot[i].expert);
  return EPLB_SUCCESS;
}

/* What an outgoing expert was when it was read: a slot, or an expert that came before. */
static uint64_t sent_fingerprint(const eplb_watch_t *w, int outgoing) {
  int slot = w->slot_of_outgoing[outgoing];
  return slot >= 0 ? w->slot[slot].before : w->arrived[w->plan->outgoing[outgoing].source];
}

/* What `expert` from one rank to another counts in the balance: no two differences cancel but by chance. */
static uint64_t balance_term(uint64_t fingerprint, int layer, int expert, int from, int to) {
  uint64_t way = eplb_mix((uint64_t)from << 32 | (uint64_t)to, (uint64_t)layer << 32 | (uint64_t)expert);
  return eplb_mix(way, fingerprint);
}

static uint64_t term_of_outgoing(const eplb_watch_t *w, int i) {
  const eplb_message_t *out = &w->plan->outgoing[i].message;
  return balance_term(sent_fingerprint(w, i), out->layer, out->expert, w->context->rank, out->peer);
}

static uint64_t term_of_incoming(const eplb_watch_t *w, int i) {
  const eplb_message_t *in = &w->plan->incoming[i].message;
  return balance_term(w->arrived[i], in->layer, in->expert, in->peer, w->context->rank);
}

static void add_sent(const eplb_watch_t *w, const eplb_commit_unit_t *unit, uint64_t *balance) {
  for (int i = unit->outgoing_begin; i < unit->outgoing_end; i++)
    *balance += term_of_outgoing(w, i);
}

/* Subtracts what came from other ranks, and compares copies within this one. */
static eplb_status_t subtract_arrived(const eplb_watch_t *w, const eplb_commit_unit_t *unit, uint64_t *balance) {
  for (int i = unit->incoming_begin; i < unit->incoming_end; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    if (in->own_slot < 0)
      *balance -= term_of_incoming(w, i);
    else if (w->arrived[i] != w->slot[w->slot_of_incoming[i]].before)
      return fail_different(w, in);
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_watch_check(eplb_watch_t *w, int begin, int end, uint64_t *balance) {
  eplb_status_t status = sample_slots(w, begin, end);
  for (int u = begin; u < end && !status; u++)
    status = sample_arrived(w, &w->plan->unit[u]);
  status = finish_samples(w, status);
  if (!status)
    status = compare_slots(w, begin, end);
  for (int u = begin; u < end && !status; u++) {
    add_sent(w, &w->plan->unit[u], balance);
    status = subtract_arrived(w, &w->plan->unit[u], balance);
  }
  return status;
}

int eplb_watch_checksum(const eplb_watch_t *w, int outgoing, uint64_t *hash) {
  int slot = w->slot_of_outgoing[outgoing];
  if (!w->context->read_whole || slot < 0)
    return 0;
  *hash = w->slot[slot].before;
  return 1;
}

/* ---- which expert is different ---- */

/* Ranks find it by sums over all of them: each takes part in the same three, whatever has failed on it. */
static int add_table(eplb_watch_t *w, int values) {
  eplb_comm_t *comm = w->context->comm;
  return eplb_comm_ok(comm, MPI_Allreduce(MPI_IN_PLACE, w->table, values, MPI_UINT64_T, MPI_SUM, comm->mpi),
                      "finding the expert that did not arrive as it was sent");
}

static void clear_table(eplb_watch_t *w, int values) {
  memset(w->table, 0, (size_t)values * sizeof *w->table);
}

/* The first value of the table that is not 0; the last if all others are. */
static int first_in_table(const eplb_watch_t *w, int values) {
  int i = 0;
  while (i < values - 1 && !w->table[i])
    i++;
  return i;
}

/* The first of commit units [begin, end) whose balance is not 0. */
static int find_unit(eplb_watch_t *w, int begin, int end) {
  clear_table(w, end - begin);
  for (int u = begin; u < end; u++) {
    add_sent(w, &w->plan->unit[u], &w->table[u - begin]);
    subtract_arrived(w, &w->plan->unit[u], &w->table[u - begin]);
  }
  add_table(w, end - begin);
  return begin + first_in_table(w, end - begin);
}

/* The first expert of the commit unit whose balance is not 0. */
static int find_expert(eplb_watch_t *w, const eplb_commit_unit_t *unit) {
  int experts = w->context->num_experts;
  clear_table(w, experts);
  for (int i = unit->outgoing_begin; i < unit->outgoing_end; i++)
    w->table[w->plan->outgoing[i].message.expert] += term_of_outgoing(w, i);
  for (int i = unit->incoming_begin; i < unit->incoming_end; i++)
    if (w->plan->incoming[i].own_slot < 0)
      w->table[w->plan->incoming[i].message.expert] -= term_of_incoming(w, i);
  add_table(w, experts);
  return first_in_table(w, experts);
}

/* Compares an expert with what the slot that it came from was, also where other ranks passed it on. The table has two
 * values for each rank that receives the expert: 1 + the rank that passes it on, or 0; and the slot's fingerprint. */
static eplb_status_t compare_with_origin(eplb_watch_t *w, const eplb_commit_unit_t *unit, int expert) {
  clear_table(w, 2 * w->context->num_ranks);
  for (int i = unit->outgoing_begin; i < unit->outgoing_end; i++) {
    const eplb_outgoing_t *out = &w->plan->outgoing[i];
    if (out->message.expert == expert && out->source >= 0)
      w->table[2 * out->message.peer] = (uint64_t)w->context->rank + 1;
    else if (out->message.expert == expert)
      w->table[2 * out->message.peer + 1] = sent_fingerprint(w, i);
  }
  if (!add_table(w, 2 * w->context->num_ranks))
    return EPLB_SUCCESS; /* the ranks agree on that failure next */
  uint64_t ranks = (uint64_t)w->context->num_ranks, first = (uint64_t)w->context->rank;
  for (uint64_t hops = 0; hops < ranks && w->table[2 * first] - 1 < ranks; hops++)
    first = w->table[2 * first] - 1;
  for (int i = unit->incoming_begin; i < unit->incoming_end; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    if (in->message.expert == expert && in->own_slot < 0 && w->arrived[i] != w->table[2 * first + 1])
      return fail_different(w, in);
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_watch_find_different(eplb_watch_t *w, int begin, int end) {
  const eplb_commit_unit_t *unit = &w->plan->unit[find_unit(w, begin, end)];
  return compare_with_origin(w, unit, find_expert(w, unit));
}

eplb_status_t eplb_watch_find_written(eplb_watch_t *w, int number) {
  const eplb_commit_unit_t *unit = &w->plan->unit[number];
  uint64_t found;
  eplb_status_t status = finish_samples(w, sample_slots(w, number, number + 1));
  if (!status)
    status = compare_slots(w, number, number + 1);
  for (int i = unit->outgoing_begin; i < unit->outgoing_end && !status; i++) {
    const eplb_outgoing_t *out = &w->plan->outgoing[i];
    if (out->source >= 0)
      continue;
    status = eplb_expert_hash(w->context, out->message.layer, &out->message.location, w->sampler.scratch, &found);
    if (!status && found != w->outgoing_hash[i])
      status = fail_changed(w, out->message.layer, out->message.expert);
  }
  return status;
}
