/* From choices to messages: a counting sort of the choices by the slot that their expert's quotas give them. Slots are
 * numbered by rank, so the order by slot is the order by rank. */
#include "core/dispatch/dispatch.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/routing.h>
#include <limits.h>
#include <string.h>

/* ---- choices ---- */

static int64_t expert_of(const eplb_choices_t *choices, int64_t choice) {
  return choices->index_bytes == 4 ? ((const int32_t *)choices->expert)[choice]
                                   : ((const int64_t *)choices->expert)[choice];
}

static eplb_status_t check_choices(const eplb_choices_t *c) {
  if (!c)
    return eplb_fail(EPLB_ERR_ARGUMENT, "choices is NULL");
  if (c->num_tokens < 0 || c->top_k < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "choices of %s, top_k %d; expected 0 tokens or more, and a top_k of 1 or more",
                     eplb_count(c->num_tokens, "token"), c->top_k);
  if (c->index_bytes != 4 && c->index_bytes != 8)
    return eplb_fail(EPLB_ERR_ARGUMENT, "index_bytes is %d; expected 4 (int32_t) or 8 (int64_t)", c->index_bytes);
  if (!c->expert && c->num_tokens)
    return eplb_fail(EPLB_ERR_ARGUMENT, "expert is NULL");
  return EPLB_SUCCESS;
}

eplb_status_t eplb_choices_count(const eplb_choices_t *choices, int num_experts, int64_t *count) {
  eplb_status_t status = check_choices(choices);
  if (!status && (num_experts < 1 || !count))
    status = count ? eplb_fail(EPLB_ERR_ARGUMENT, "num_experts is %d; expected 1 or more", num_experts)
                   : eplb_fail(EPLB_ERR_ARGUMENT, "count is NULL");
  if (status)
    return status;
  memset(count, 0, (size_t)num_experts * sizeof *count);
  for (int64_t i = 0; i < (int64_t)choices->num_tokens * choices->top_k; i++) {
    int64_t expert = expert_of(choices, i);
    if (expert < EPLB_EMPTY || expert >= num_experts)
      return eplb_fail(EPLB_ERR_ARGUMENT, "token %lld chooses expert %lld; expected 0 to %d, or %d for none",
                       (long long)(i / choices->top_k), (long long)expert, num_experts - 1, EPLB_EMPTY);
    if (expert != EPLB_EMPTY)
      count[expert]++;
  }
  return EPLB_SUCCESS;
}

/* ---- life ---- */

static eplb_status_t create_routing_arrays(eplb_routing_t *r) {
  r->count = EPLB_NEW(int64_t, r->num_experts);
  r->slot = EPLB_NEW(int32_t, r->max_choices);
  r->row = EPLB_NEW(int32_t, r->max_choices);
  r->choice = EPLB_NEW(int32_t, r->max_choices);
  r->send_count = EPLB_NEW(int, r->num_ranks);
  r->send_begin = EPLB_NEW(int, r->num_ranks);
  r->sent_to = EPLB_NEW(int32_t, r->num_slots);
  r->receive_count = EPLB_NEW(int, r->num_ranks);
  r->receive_begin = EPLB_NEW(int, r->num_ranks);
  r->received = EPLB_NEW(int32_t, (size_t)r->num_ranks * (size_t)r->own_slots);
  r->run_begin = EPLB_NEW(int32_t, (size_t)r->num_ranks * (size_t)r->own_slots);
  r->group_begin = EPLB_NEW(int32_t, r->own_slots + 1);
  r->quota = EPLB_NEW(int32_t, r->num_slots);
  r->next = EPLB_NEW(int32_t, r->num_slots + r->num_experts);
  int has_all = r->count && r->slot && r->row && r->choice && r->send_count && r->send_begin && r->sent_to &&
                r->receive_count && r->receive_begin && r->received && r->run_begin && r->group_begin && r->quota &&
                r->next;
  return has_all ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

eplb_status_t eplb_routing_create(const eplb_dispatch_t *dispatch, int rank, int max_choices, eplb_split_t split,
                                  eplb_routing_t **routing) {
  if (!dispatch || !routing)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", dispatch ? "routing" : "dispatch");
  const eplb_topology_t *t = dispatch->topology;
  if (rank < 0 || rank >= t->num_devices)
    return eplb_fail(EPLB_ERR_ARGUMENT, "rank is %d; expected 0 to %d", rank, t->num_devices - 1);
  if (max_choices < 0)
    return eplb_fail(EPLB_ERR_ARGUMENT, "max_choices is %d; expected 0 or more", max_choices);
  if ((unsigned)split > EPLB_SPLIT_NEAREST)
    return eplb_fail(EPLB_ERR_ARGUMENT, "split is %d; expected 0 to %d", (int)split, EPLB_SPLIT_NEAREST);
  eplb_routing_t *r = EPLB_NEW(eplb_routing_t, 1);
  if (!r)
    return EPLB_ERR_MEMORY;
  *r = (eplb_routing_t){.rank = rank,
                        .num_ranks = t->num_devices,
                        .num_experts = dispatch->placement->num_experts,
                        .num_slots = dispatch->placement->num_slots,
                        .own_slots = t->slot_begin[rank + 1] - t->slot_begin[rank],
                        .max_choices = max_choices,
                        .split = split,
                        .top_k = 1,
                        .dispatch = dispatch};
  eplb_status_t status = create_routing_arrays(r);
  if (status)
    eplb_routing_destroy(&r);
  else
    *routing = r;
  return status;
}

void eplb_routing_destroy(eplb_routing_t **routing) {
  if (!routing || !*routing)
    return;
  eplb_routing_t *r = *routing;
  void *const array[] = {r->count,      r->slot,    r->row,           r->choice,   r->send_count,
                         r->send_begin, r->sent_to, r->receive_count, r->received, r->group_begin,
                         r->quota,      r->next,    r->receive_begin, r->run_begin};
  for (size_t i = 0; i < sizeof array / sizeof *array; i++)
    free(array[i]);
  free(r);
  *routing = NULL;
}

/* ---- what is sent ---- */

/* Rows for each slot, and where each slot's rows begin. */
static void count_rows(eplb_routing_t *r, int layer) {
  const int32_t *slot = eplb_dispatch_slots(r->dispatch, layer);
  int32_t replicas = eplb_dispatch_begin(r->dispatch, layer)[r->num_experts], *first = r->next;
  memset(r->sent_to, 0, (size_t)r->num_slots * sizeof *r->sent_to);
  for (int32_t k = 0; k < replicas; k++)
    r->sent_to[slot[k]] = r->quota[k];
  const int *slot_begin = r->dispatch->topology->slot_begin;
  r->num_sent = 0;
  for (int rank = 0; rank < r->num_ranks; rank++) {
    r->send_begin[rank] = r->num_sent;
    for (int s = slot_begin[rank]; s < slot_begin[rank + 1]; s++) {
      first[s] = r->num_sent;
      r->num_sent += r->sent_to[s];
    }
    r->send_count[rank] = r->num_sent - r->send_begin[rank];
  }
}

/* Gives each choice the first of its expert's replicas that has a quota left, and the next row of that slot. */
static void assign_rows(eplb_routing_t *r, int layer, const eplb_choices_t *choices) {
  const int32_t *slot = eplb_dispatch_slots(r->dispatch, layer);
  int32_t *first = r->next, *replica = r->next + r->num_slots;
  memcpy(replica, eplb_dispatch_begin(r->dispatch, layer), (size_t)r->num_experts * sizeof *replica);
  for (int32_t i = 0; i < r->num_choices; i++) {
    int64_t expert = expert_of(choices, i);
    r->slot[i] = EPLB_EMPTY;
    r->row[i] = -1;
    if (expert == EPLB_EMPTY)
      continue;
    while (!r->quota[replica[expert]])
      replica[expert]++;
    r->quota[replica[expert]]--;
    r->slot[i] = slot[replica[expert]];
    r->row[i] = first[r->slot[i]]++;
    r->choice[r->row[i]] = i;
  }
}

eplb_status_t eplb_routing_plan(eplb_routing_t *r, int layer, const eplb_choices_t *choices, const float *share) {
  if (!r)
    return eplb_fail(EPLB_ERR_ARGUMENT, "routing is NULL");
  eplb_status_t status = eplb_choices_count(choices, r->num_experts, r->count);
  if (!status && (int64_t)choices->num_tokens * choices->top_k > r->max_choices)
    status = eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s; the routing was created for %d in all",
                       eplb_count(choices->num_tokens, "token"), eplb_count(choices->top_k, "choice"), r->max_choices);
  const eplb_rank_tokens_t tokens = {
      .size = sizeof tokens, .device = r->rank, .split = r->split, .share = share, .count = r->count};
  if (!status)
    status = eplb_dispatch_quotas(r->dispatch, layer, &tokens, r->quota);
  if (status)
    return status;
  r->top_k = choices->top_k;
  r->num_choices = choices->num_tokens * choices->top_k;
  count_rows(r, layer);
  assign_rows(r, layer, choices);
  return EPLB_SUCCESS;
}

/* ---- what is received ---- */

eplb_status_t eplb_routing_receive(eplb_routing_t *r, const int32_t *received) {
  if (!r || !received)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", r ? "received" : "routing");
  size_t runs = (size_t)r->num_ranks * (size_t)r->own_slots;
  int64_t all = 0;
  for (size_t i = 0; i < runs; i++) {
    if (received[i] < 0)
      return eplb_fail(EPLB_ERR_ARGUMENT, "rank %zu sends %s; expected 0 or more", i / (size_t)r->own_slots,
                       eplb_count(received[i], "row"));
    all += received[i];
  }
  if (all > INT_MAX)
    return eplb_fail(EPLB_ERR_SHAPE, "rank %d receives %s in a batch; expected fewer than 2^31", r->rank,
                     eplb_count(all, "row"));
  if (runs)
    memmove(r->received, received, runs * sizeof *received);
  r->num_received = 0;
  for (int rank = 0; rank < r->num_ranks; rank++) {
    r->receive_begin[rank] = r->num_received;
    for (int s = 0; s < r->own_slots; s++)
      r->num_received += r->received[(size_t)rank * (size_t)r->own_slots + (size_t)s];
    r->receive_count[rank] = r->num_received - r->receive_begin[rank];
  }
  int32_t sum = 0;
  for (int s = 0; s < r->own_slots; s++) {
    r->group_begin[s] = sum;
    for (int rank = 0; rank < r->num_ranks; rank++) {
      size_t run = (size_t)rank * (size_t)r->own_slots + (size_t)s;
      r->run_begin[run] = sum;
      sum += r->received[run];
    }
  }
  r->group_begin[r->own_slots] = sum;
  return EPLB_SUCCESS;
}

/* ---- copies ---- */

void eplb_routing_pack(const eplb_routing_t *r, const void *token, size_t bytes, void *send) {
  for (int row = 0; row < r->num_sent; row++)
    memcpy((char *)send + (size_t)row * bytes, (const char *)token + (size_t)(r->choice[row] / r->top_k) * bytes,
           bytes);
}

/* Each run, of one rank for one slot, lies together in both orders. */
static void copy_runs(const eplb_routing_t *r, const char *from, size_t bytes, char *to, int is_grouping) {
  size_t in = 0;
  for (size_t run = 0; run < (size_t)r->num_ranks * (size_t)r->own_slots; run++) {
    size_t rows = (size_t)r->received[run], grouped = (size_t)r->run_begin[run];
    if (rows)
      memcpy(to + (is_grouping ? grouped : in) * bytes, from + (is_grouping ? in : grouped) * bytes, rows * bytes);
    in += rows;
  }
}

void eplb_routing_group(const eplb_routing_t *r, const void *in, size_t bytes, void *grouped) {
  copy_runs(r, in, bytes, grouped, 1);
}

void eplb_routing_ungroup(const eplb_routing_t *r, const void *grouped, size_t bytes, void *in) {
  copy_runs(r, grouped, bytes, in, 0);
}
