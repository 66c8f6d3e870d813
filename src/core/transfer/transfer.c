/* From two placements to the transfers that turn one into the other.
 *
 * Problem: each slot that changes needs its new expert from a device that has it. Links differ in speed, and the
 * device that sends most sets the time.
 * Method: for each expert, the devices that hold it and those that are to get it are listed in the order of the
 * domains; suppliers.c decides who supplies whom. Experts without a choice of supplier go first, so that the others
 * can even out what those send. Transfers of a later stage need one of an earlier stage; the list is by stage. Every
 * rank derives the same list from the same placements, without communication.
 * Cost: O(slots + transfers x candidates) a layer. */
#include "core/model/placement.h"
#include "core/transfer/suppliers.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/transfer.h>

/* Slots by expert. */
typedef struct grouped {
  int32_t *begin; /* [num_experts + 1]: each expert's part of `slot` */
  int32_t *slot;  /* [num_slots] */
} grouped_t;

struct eplb_deriver {
  eplb_suppliers_t suppliers;
  int num_experts, num_slots;
  int32_t *device;          /* [num_slots] */
  int32_t *expert;          /* [num_slots]: scratch of grouping */
  grouped_t changing;       /* slots that must get an expert */
  grouped_t holding;        /* slots that hold one that others must get */
  eplb_transfer_t *planned; /* [num_slots]: as found, not yet by stage */
  int num_planned;
};

void eplb_deriver_destroy(eplb_deriver_t **deriver) {
  if (!deriver || !*deriver)
    return;
  eplb_deriver_t *d = *deriver;
  eplb_suppliers_free(&d->suppliers);
  free(d->device);
  free(d->expert);
  free(d->changing.begin);
  free(d->changing.slot);
  free(d->holding.begin);
  free(d->holding.slot);
  free(d->planned);
  free(d);
  *deriver = NULL;
}

static eplb_status_t allocate_deriver(eplb_deriver_t *d, int num_experts, int num_slots) {
  d->num_experts = num_experts;
  d->num_slots = num_slots;
  d->device = EPLB_NEW(int32_t, num_slots);
  d->expert = EPLB_NEW(int32_t, num_slots);
  d->changing = (grouped_t){EPLB_NEW(int32_t, num_experts + 1), EPLB_NEW(int32_t, num_slots)};
  d->holding = (grouped_t){EPLB_NEW(int32_t, num_experts + 1), EPLB_NEW(int32_t, num_slots)};
  d->planned = EPLB_NEW(eplb_transfer_t, num_slots);
  return d->device && d->expert && d->changing.begin && d->changing.slot && d->holding.begin && d->holding.slot &&
                 d->planned
             ? EPLB_SUCCESS
             : EPLB_ERR_MEMORY;
}

eplb_status_t eplb_deriver_create(const eplb_topology_t *topology, int num_experts, eplb_deriver_t **deriver) {
  int num_slots = eplb_topology_num_slots(topology);
  if (num_experts < 1 || num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%s in %s; expected at least one expert and a slot for each",
                     eplb_count(num_experts, "expert"), eplb_count(num_slots, "slot"));
  eplb_deriver_t *d = EPLB_NEW(eplb_deriver_t, 1);
  if (!d)
    return EPLB_ERR_MEMORY;
  eplb_status_t status = allocate_deriver(d, num_experts, num_slots);
  if (!status)
    status = eplb_suppliers_init(&d->suppliers, topology);
  if (status) {
    eplb_deriver_destroy(&d);
    return status;
  }
  for (int i = 0; i < topology->num_devices; i++)
    for (int s = topology->slot_begin[i]; s < topology->slot_begin[i + 1]; s++)
      d->device[s] = i;
  *deriver = d;
  return EPLB_SUCCESS;
}

static int count_slots(const grouped_t *g, int expert) {
  return g->begin[expert + 1] - g->begin[expert];
}

/* Groups slots by d->expert, those of an expert by the position of their device; EPLB_EMPTY in none. A counting sort:
 * `end` is filled as the counts, then the begins, then the ends of each expert. */
static void group(eplb_deriver_t *d, grouped_t *g) {
  const eplb_topology_t *t = d->suppliers.topology;
  int32_t *end = g->begin + 1, sum = 0;
  for (int e = 0; e <= d->num_experts; e++)
    g->begin[e] = 0;
  for (int s = 0; s < d->num_slots; s++)
    if (d->expert[s] != EPLB_EMPTY)
      end[d->expert[s]]++;
  for (int e = 0; e < d->num_experts; e++) {
    int32_t count = end[e];
    end[e] = sum;
    sum += count;
  }
  for (int i = 0; i < t->num_devices; i++) {
    int device = d->suppliers.device_at[i];
    for (int s = t->slot_begin[device]; s < t->slot_begin[device + 1]; s++)
      if (d->expert[s] != EPLB_EMPTY)
        g->slot[end[d->expert[s]]++] = s;
  }
}

static void group_rows(eplb_deriver_t *d, const int32_t *before, const int32_t *after) {
  for (int s = 0; s < d->num_slots; s++)
    d->expert[s] = after[s] != before[s] ? after[s] : EPLB_EMPTY;
  group(d, &d->changing);
  for (int s = 0; s < d->num_slots; s++)
    d->expert[s] = before[s] != EPLB_EMPTY && count_slots(&d->changing, before[s]) ? before[s] : EPLB_EMPTY;
  group(d, &d->holding);
}

/* The devices that hold the expert or are to get it, by position: two sorted lists merged. */
static void find_endpoints(eplb_deriver_t *d, int expert) {
  eplb_suppliers_t *s = &d->suppliers;
  int c = d->changing.begin[expert], c_end = d->changing.begin[expert + 1];
  int h = d->holding.begin[expert], h_end = d->holding.begin[expert + 1];
  s->num_endpoints = 0;
  while (c < c_end || h < h_end) {
    int get = c < c_end ? d->changing.slot[c] : -1, have = h < h_end ? d->holding.slot[h] : -1;
    int holds = have >= 0 && (get < 0 || s->position[d->device[have]] <= s->position[d->device[get]]);
    int slot = holds ? have : get, device = d->device[slot];
    s->endpoint[s->num_endpoints++] = (eplb_endpoint_t){device, slot, holds ? 0 : EPLB_LACKING, -1};
    while (c < c_end && d->device[d->changing.slot[c]] == device)
      c++;
    while (h < h_end && d->device[d->holding.slot[h]] == device)
      h++;
  }
}

static void add_transfer(eplb_deriver_t *d, int expert, const eplb_endpoint_t *from, const eplb_endpoint_t *to,
                         int to_slot, int stage) {
  const eplb_topology_t *t = d->suppliers.topology;
  int level = eplb_shared_level(t, from->device, to->device);
  eplb_link_t link = level == t->num_levels   ? EPLB_LINK_DEVICE
                     : level >= t->node_level ? EPLB_LINK_NODE
                                              : EPLB_LINK_NETWORK;
  d->planned[d->num_planned++] = (eplb_transfer_t){.expert = expert,
                                                   .from_device = from->device,
                                                   .from_slot = from->slot,
                                                   .to_device = to->device,
                                                   .to_slot = to_slot,
                                                   .link = (int16_t)link,
                                                   .stage = (int16_t)stage,
                                                   .level = (int16_t)level};
}

/* The transfers of an expert whose endpoints have their suppliers: one into each device that lacked it, and copies
 * within devices. */
static void add_expert(eplb_deriver_t *d, int expert) {
  const eplb_suppliers_t *s = &d->suppliers;
  const eplb_endpoint_t *endpoint = s->endpoint;
  for (int c = d->changing.begin[expert]; c < d->changing.begin[expert + 1]; c++) {
    int slot = d->changing.slot[c];
    while (endpoint->device != d->device[slot])
      endpoint++;
    if (slot == endpoint->slot)
      add_transfer(d, expert, &s->endpoint[endpoint->from], endpoint, slot, endpoint->ready - 1);
    else
      add_transfer(d, expert, endpoint, endpoint, slot, endpoint->ready);
  }
}

/* The experts with fewest slots, changing and holding, go first: two slots leave no choice of the sender, three a small
 * one. So later experts can even out what each device sends. */
static eplb_status_t choose_transfers(eplb_deriver_t *d, int layer, int64_t weight) {
  enum { NO_CHOICE = 2, MANY = 4 };
  d->num_planned = 0;
  for (int round = NO_CHOICE; round <= MANY; round++)
    for (int e = 0; e < d->num_experts; e++) {
      int changing = count_slots(&d->changing, e), holding = count_slots(&d->holding, e);
      if (changing && !holding)
        return eplb_fail(EPLB_ERR_SHAPE, "layer %d: expert %d is to be placed, but no slot holds it before", layer, e);
      if (!changing || (changing + holding < MANY ? changing + holding : MANY) != round)
        continue;
      find_endpoints(d, e);
      eplb_suppliers_choose(&d->suppliers, weight);
      add_expert(d, e);
    }
  return EPLB_SUCCESS;
}

static eplb_status_t reserve_transfers(eplb_transfers_t *transfers, int count) {
  if (count <= transfers->capacity)
    return EPLB_SUCCESS;
  eplb_transfer_t *grown = eplb_grow(transfers->transfer, (size_t)count, sizeof *grown);
  if (!grown)
    return EPLB_ERR_MEMORY;
  transfers->transfer = grown;
  transfers->capacity = count;
  return EPLB_SUCCESS;
}

/* The planned transfers by stage, in a list that is the caller's: a counting sort. */
static eplb_status_t list_by_stage(const eplb_deriver_t *d, int layer, eplb_transfers_t *transfers) {
  int32_t begin[EPLB_MOST_STAGES + 1] = {0};
  eplb_status_t status = reserve_transfers(transfers, d->num_planned);
  if (status)
    return status;
  for (int i = 0; i < d->num_planned; i++)
    begin[d->planned[i].stage + 1]++;
  for (int stage = 0; stage < EPLB_MOST_STAGES; stage++)
    begin[stage + 1] += begin[stage];
  for (int i = 0; i < d->num_planned; i++) {
    eplb_transfer_t *t = &transfers->transfer[begin[d->planned[i].stage]++];
    *t = d->planned[i];
    t->layer = layer;
  }
  transfers->count = d->num_planned;
  return EPLB_SUCCESS;
}

static eplb_status_t check_row(const eplb_deriver_t *d, const int32_t *row, int layer, const char *which) {
  for (int s = 0; s < d->num_slots; s++)
    if (row[s] < EPLB_EMPTY || row[s] >= d->num_experts)
      return eplb_fail(EPLB_ERR_SHAPE, "layer %d: slot %d holds expert %d %s; expected %d to %d", layer, s, row[s],
                       which, EPLB_EMPTY, d->num_experts - 1);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_derive_layer(eplb_deriver_t *deriver, const int32_t *before, const int32_t *after, int layer,
                                int64_t expert_bytes, eplb_transfers_t *transfers) {
  transfers->count = 0;
  eplb_status_t status = check_row(deriver, before, layer, "before");
  if (!status)
    status = check_row(deriver, after, layer, "after");
  if (status)
    return status;
  group_rows(deriver, before, after);
  status = choose_transfers(deriver, layer, expert_bytes > 0 ? expert_bytes : 1);
  return status ? status : list_by_stage(deriver, layer, transfers);
}

void eplb_transfers_free(eplb_transfers_t *transfers) {
  free(transfers->transfer);
  *transfers = (eplb_transfers_t){0};
}
