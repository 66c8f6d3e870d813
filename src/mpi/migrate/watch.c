#include "mpi/migrate/watch.h"
#include "core/util/alloc.h"
#include "mpi/migrate/expert_copy.h"

/* ---- which slots are read ---- */

/* The part before `part` of the same layer that brings what `slot` then holds, or -1. */
static int32_t find_supplier(const eplb_migration_plan_t *m, int part, int slot) {
  for (int p = part - 1; p >= 0 && m->part[p].layer == m->part[part].layer; p--)
    for (int i = m->part[p].target_begin; i < m->part[p].target_end; i++)
      if (m->target[i].own_slot == slot)
        return p;
  return -1;
}

/* The number of the watched slot, which is added unless the part reads it already; last[slot] is where it was added
 * last. */
static int32_t watch_slot(eplb_watch_t *w, int part, int expert, int slot, int32_t *last) {
  int32_t *count = &w->slot_begin[part + 1];
  if (last[slot] < w->slot_begin[part]) {
    last[slot] = *count;
    w->slot[(*count)++] = (eplb_watched_slot_t){.layer = w->plan->part[part].layer,
                                                .expert = expert,
                                                .slot = slot,
                                                .known_after = find_supplier(w->plan, part, slot)};
  }
  return last[slot];
}

static void find_slots(eplb_watch_t *w, int32_t *last) {
  const eplb_migration_plan_t *m = w->plan;
  for (int i = 0; i < eplb_migrate_slots(w->context); i++)
    last[i] = -1;
  for (int p = 0; p < m->num_parts; p++) {
    const eplb_commit_unit_t *part = &m->part[p];
    w->slot_begin[p + 1] = w->slot_begin[p];
    for (int i = part->outgoing_begin; i < part->outgoing_end; i++) {
      const eplb_outgoing_t *out = &m->outgoing[i];
      w->slot_of_outgoing[i] =
          out->source < 0 ? watch_slot(w, p, out->message.expert, out->message.place.slot, last) : -1;
    }
    for (int i = part->incoming_begin; i < part->incoming_end; i++) {
      const eplb_incoming_t *in = &m->incoming[i];
      w->slot_of_incoming[i] = in->own_slot >= 0 ? watch_slot(w, p, in->message.expert, in->own_slot, last) : -1;
    }
  }
}

eplb_status_t eplb_watch_prepare(eplb_watch_t *w, const eplb_migrate_context_t *c, const eplb_migration_plan_t *m,
                                 uint64_t salt, char *scratch) {
  *w = (eplb_watch_t){.context = c,
                      .plan = m,
                      .slot = EPLB_NEW(eplb_watched_slot_t, m->num_incoming + m->num_outgoing),
                      .slot_begin = EPLB_NEW(int32_t, m->num_parts + 1),
                      .slot_of_incoming = EPLB_NEW(int32_t, m->num_incoming),
                      .slot_of_outgoing = EPLB_NEW(int32_t, m->num_outgoing),
                      .arrived = EPLB_NEW(uint64_t, m->num_incoming),
                      .sent = EPLB_NEW(uint64_t, m->num_outgoing),
                      .request = EPLB_NEW(MPI_Request, m->num_outgoing)};
  int32_t *last = EPLB_NEW(int32_t, eplb_migrate_slots(c));
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (w->slot && w->slot_begin && w->slot_of_incoming && w->slot_of_outgoing && w->arrived && w->sent && w->request &&
      last)
    status = eplb_sampler_prepare(&w->sampler, c, salt, scratch);
  if (!status)
    find_slots(w, last);
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
  free(w->sent);
  free(w->request);
  *w = (eplb_watch_t){0};
}

/* ---- fingerprints ---- */

static eplb_status_t add_slot(eplb_watch_t *w, const eplb_watched_slot_t *slot, uint64_t *result) {
  const eplb_location_t place = {.slot = slot->slot};
  return eplb_sampler_add(&w->sampler, slot->layer, slot->expert, &place, result);
}

/* Ends reading that went as `status` says. */
static eplb_status_t flush(eplb_watch_t *w, eplb_status_t status) {
  eplb_status_t flushed = eplb_sampler_flush(&w->sampler);
  return status ? status : flushed;
}

/* Takes those of parts [begin, end) that are known after a part from `first` to `last`. */
static eplb_status_t take_fingerprints(eplb_watch_t *w, int begin, int end, int first, int last) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end] && !status; i++)
    if (w->slot[i].known_after >= first && w->slot[i].known_after <= last)
      status = add_slot(w, &w->slot[i], &w->slot[i].before);
  return flush(w, status);
}

/* The first part from `part` on that is not of `layer`. */
static int end_of_layer(const eplb_migration_plan_t *m, int part, int layer) {
  while (part < m->num_parts && m->part[part].layer == layer)
    part++;
  return part;
}

eplb_status_t eplb_watch_begin(eplb_watch_t *w) {
  return take_fingerprints(w, 0, w->plan->num_parts, -1, -1);
}

eplb_status_t eplb_watch_committed(eplb_watch_t *w, int part) {
  return take_fingerprints(w, part + 1, end_of_layer(w->plan, part + 1, w->plan->part[part].layer), part, part);
}

eplb_status_t eplb_watch_renew(eplb_watch_t *w, int layer, int next_part) {
  int begin = next_part;
  while (begin < w->plan->num_parts && w->plan->part[begin].layer != layer)
    begin++;
  return take_fingerprints(w, begin, end_of_layer(w->plan, begin, layer), -1, next_part - 1);
}

/* ---- comparing them ---- */

static eplb_status_t say_changed(const eplb_watch_t *w, int layer, int expert) {
  return eplb_fail(EPLB_ERR_CHANGED, "layer %d, expert %d was written on rank %d after the rebalance began", layer,
                   expert, w->context->rank);
}

/* An expert is not what it was sent as. Nobody but the library writes where it is staged. */
static eplb_status_t say_different(const eplb_watch_t *w, const eplb_incoming_t *in) {
  if (in->message.place.slot >= 0)
    return say_changed(w, in->message.layer, in->message.expert);
  return eplb_fail(EPLB_ERR_CORRUPT, "layer %d, expert %d: what came from rank %d to rank %d is not what was sent",
                   in->message.layer, in->message.expert, in->message.peer, w->context->rank);
}

/* What was compared with a checksum when it arrived in staging need not be read again. */
static int is_compared(const eplb_watch_t *w, const eplb_incoming_t *in) {
  return w->context->read_whole && in->own_slot < 0 && in->message.place.slot < 0;
}

static eplb_status_t read_slots(eplb_watch_t *w, int begin, int end) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end] && !status; i++)
    status = add_slot(w, &w->slot[i], &w->slot[i].now);
  return status;
}

static eplb_status_t read_arrived(eplb_watch_t *w, const eplb_commit_unit_t *part) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int i = part->incoming_begin; i < part->incoming_end && !status; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    if (is_compared(w, in))
      w->arrived[i] = w->incoming_hash[i];
    else
      status = eplb_sampler_add(&w->sampler, in->message.layer, in->message.expert, &in->message.place, &w->arrived[i]);
  }
  return status;
}

static eplb_status_t compare_slots(const eplb_watch_t *w, int begin, int end) {
  for (int i = w->slot_begin[begin]; i < w->slot_begin[end]; i++)
    if (w->slot[i].now != w->slot[i].before)
      return say_changed(w, w->slot[i].layer, w->slot[i].expert);
  return EPLB_SUCCESS;
}

/* What an outgoing expert was when it was read: a slot, or an expert that came before. */
static uint64_t sent_fingerprint(const eplb_watch_t *w, int outgoing) {
  int slot = w->slot_of_outgoing[outgoing];
  return slot >= 0 ? w->slot[slot].before : w->arrived[w->plan->outgoing[outgoing].source];
}

/* What `expert` from one rank to another counts in the balance: no two differences cancel but by chance. */
static uint64_t weigh(uint64_t fingerprint, int layer, int expert, int from, int to) {
  uint64_t way = eplb_mix((uint64_t)from << 32 | (uint64_t)to, (uint64_t)layer << 32 | (uint64_t)expert);
  return eplb_mix(way, fingerprint);
}

static void add_outgoing(const eplb_watch_t *w, const eplb_commit_unit_t *part, uint64_t *balance) {
  for (int i = part->outgoing_begin; i < part->outgoing_end; i++) {
    const eplb_outgoing_t *out = &w->plan->outgoing[i];
    *balance +=
        weigh(sent_fingerprint(w, i), out->message.layer, out->message.expert, w->context->rank, out->message.peer);
  }
}

/* Subtracts what came from other ranks, and compares copies within this one. */
static eplb_status_t subtract_incoming(const eplb_watch_t *w, const eplb_commit_unit_t *part, uint64_t *balance) {
  for (int i = part->incoming_begin; i < part->incoming_end; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    if (in->own_slot < 0)
      *balance -= weigh(w->arrived[i], in->message.layer, in->message.expert, in->message.peer, w->context->rank);
    else if (w->arrived[i] != w->slot[w->slot_of_incoming[i]].before)
      return say_different(w, in);
  }
  return EPLB_SUCCESS;
}

eplb_status_t eplb_watch_check(eplb_watch_t *w, int begin, int end, uint64_t *balance) {
  eplb_status_t status = read_slots(w, begin, end);
  for (int p = begin; p < end && !status; p++)
    status = read_arrived(w, &w->plan->part[p]);
  status = flush(w, status);
  if (!status)
    status = compare_slots(w, begin, end);
  for (int p = begin; p < end && !status; p++) {
    add_outgoing(w, &w->plan->part[p], balance);
    status = subtract_incoming(w, &w->plan->part[p], balance);
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

/* Tells the receivers of what incoming expert `source` or, if that is -1, own slots were sent as. */
static void tell_receivers(eplb_watch_t *w, const eplb_commit_unit_t *part, int source, uint64_t sent) {
  for (int i = part->outgoing_begin; i < part->outgoing_end; i++) {
    const eplb_outgoing_t *out = &w->plan->outgoing[i];
    if (out->source != source)
      continue;
    w->sent[i] = source < 0 ? sent_fingerprint(w, i) : sent;
    w->request[i] = MPI_REQUEST_NULL;
    eplb_comm_ok(w->context->comm,
                 MPI_Isend(&w->sent[i], 1, MPI_UINT64_T, out->message.peer, out->message.tag, w->context->comm->mpi,
                           &w->request[i]),
                 "sending a fingerprint");
  }
}

/* Each sender tells what it sent, each rank that passes an expert on what it was told, in the order of the transfers.
 * Tags are those of the experts: nothing else of the round is on its way. */
static eplb_status_t find_in_part(eplb_watch_t *w, const eplb_commit_unit_t *part) {
  eplb_comm_t *comm = w->context->comm;
  eplb_status_t status = EPLB_SUCCESS;
  tell_receivers(w, part, -1, 0);
  for (int i = part->incoming_begin; i < part->incoming_end; i++) {
    const eplb_incoming_t *in = &w->plan->incoming[i];
    uint64_t sent = w->arrived[i];
    if (in->own_slot >= 0)
      continue;
    eplb_comm_ok(comm,
                 MPI_Recv(&sent, 1, MPI_UINT64_T, in->message.peer, in->message.tag, comm->mpi, MPI_STATUS_IGNORE),
                 "receiving a fingerprint");
    tell_receivers(w, part, i, sent);
    if (sent != w->arrived[i] && !status)
      status = say_different(w, in);
  }
  int sends = part->outgoing_end - part->outgoing_begin;
  eplb_comm_ok(comm, MPI_Waitall(sends, w->request + part->outgoing_begin, MPI_STATUSES_IGNORE),
               "sending fingerprints");
  return status;
}

eplb_status_t eplb_watch_find(eplb_watch_t *w, int begin, int end) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int p = begin; p < end; p++) {
    eplb_status_t here = find_in_part(w, &w->plan->part[p]);
    status = status ? status : here;
  }
  return status;
}

eplb_status_t eplb_watch_blame(eplb_watch_t *w, int part) {
  const eplb_commit_unit_t *unit = &w->plan->part[part];
  uint64_t found;
  eplb_status_t status = flush(w, read_slots(w, part, part + 1));
  if (!status)
    status = compare_slots(w, part, part + 1);
  for (int i = unit->outgoing_begin; i < unit->outgoing_end && !status; i++) {
    const eplb_outgoing_t *out = &w->plan->outgoing[i];
    if (out->source >= 0)
      continue;
    status = eplb_expert_hash(w->context, out->message.layer, &out->message.place, w->sampler.scratch, &found);
    if (!status && found != w->outgoing_hash[i])
      status = say_changed(w, out->message.layer, out->message.expert);
  }
  return status;
}
