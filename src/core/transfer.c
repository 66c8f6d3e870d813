#include "core/memory.h"
#include "core/placement.h"
#include <eplb/transfer.h>

/* A slot that must get another expert. */
typedef struct change {
  int32_t slot, device, node;
} change_t;

struct eplb_deriver {
  const eplb_topology_t *topology;
  int num_experts, num_slots;
  int32_t *device;      /* [num_slots] */
  int64_t *sent;        /* [num_devices]: weight of what it has sent to others */
  int64_t *node_sent;   /* [num_nodes]: the same to other nodes */
  int32_t *begin;       /* [num_experts + 1]: each expert's part of `change` */
  change_t *change;     /* [num_slots]: by expert, then node, device, slot */
  int32_t *holder_slot; /* [num_devices]: where a device holds the current expert before, or EPLB_EMPTY */
  int32_t *holder;      /* [num_slots]: the devices that do, each once */
  int num_holders;
  eplb_transfer_t *planned; /* [num_slots]: as found, not yet by stage */
  int num_planned;
};

void eplb_deriver_destroy(eplb_deriver_t **deriver) {
  if (!deriver || !*deriver)
    return;
  eplb_deriver_t *d = *deriver;
  free(d->device);
  free(d->sent);
  free(d->node_sent);
  free(d->begin);
  free(d->change);
  free(d->holder_slot);
  free(d->holder);
  free(d->planned);
  free(d);
  *deriver = NULL;
}

eplb_status_t eplb_deriver_create(const eplb_topology_t *topology, int num_experts, eplb_deriver_t **deriver) {
  int num_slots = eplb_topology_num_slots(topology);
  if (num_experts < 1 || num_slots < num_experts)
    return eplb_fail(EPLB_ERR_SHAPE, "%d experts in %d slots; expected at least one expert and a slot for each",
                     num_experts, num_slots);
  eplb_deriver_t *d = EPLB_NEW(eplb_deriver_t, 1);
  if (!d)
    return EPLB_ERR_MEMORY;
  *d = (eplb_deriver_t){.topology = topology,
                        .num_experts = num_experts,
                        .num_slots = num_slots,
                        .device = EPLB_NEW(int32_t, num_slots),
                        .sent = EPLB_NEW(int64_t, topology->num_devices),
                        .node_sent = EPLB_NEW(int64_t, eplb_topology_num_nodes(topology)),
                        .begin = EPLB_NEW(int32_t, num_experts + 1),
                        .change = EPLB_NEW(change_t, num_slots),
                        .holder_slot = EPLB_NEW(int32_t, topology->num_devices),
                        .holder = EPLB_NEW(int32_t, num_slots),
                        .planned = EPLB_NEW(eplb_transfer_t, num_slots)};
  if (!d->device || !d->sent || !d->node_sent || !d->begin || !d->change || !d->holder_slot || !d->holder ||
      !d->planned) {
    eplb_deriver_destroy(&d);
    return EPLB_ERR_MEMORY;
  }
  for (int i = 0; i < topology->num_devices; i++) {
    d->holder_slot[i] = EPLB_EMPTY;
    for (int s = topology->slot_begin[i]; s < topology->slot_begin[i + 1]; s++)
      d->device[s] = i;
  }
  *deriver = d;
  return EPLB_SUCCESS;
}

static int changes(const int32_t *before, const int32_t *after, int slot) {
  return after[slot] != before[slot] && after[slot] != EPLB_EMPTY;
}

/* Groups the slots that change by the expert that they get; within an expert by node, device and slot. */
static void group_changes(eplb_deriver_t *d, const int32_t *before, const int32_t *after) {
  const eplb_topology_t *t = d->topology;
  int32_t *end = d->begin + 1; /* filled as the counts, then the begins, then the ends of each expert */
  for (int e = 0; e <= d->num_experts; e++)
    d->begin[e] = 0;
  for (int s = 0; s < d->num_slots; s++)
    if (changes(before, after, s))
      end[after[s]]++;
  int32_t sum = 0;
  for (int e = 0; e < d->num_experts; e++) {
    int32_t count = end[e];
    end[e] = sum;
    sum += count;
  }
  for (int i = 0; i < t->num_devices; i++) {
    int device = t->node_device[i], node = eplb_topology_node(t, device);
    for (int s = t->slot_begin[device]; s < t->slot_begin[device + 1]; s++)
      if (changes(before, after, s))
        d->change[end[after[s]]++] = (change_t){s, device, node};
  }
}

/* Notes which devices hold `expert` before, each with its first slot. */
static void find_holders(eplb_deriver_t *d, const eplb_placement_t *before, int layer, int expert) {
  const int32_t *slot = eplb_placement_replicas(before, layer, expert);
  d->num_holders = 0;
  for (int k = 0; k < eplb_placement_counts(before, layer)[expert]; k++) {
    int device = d->device[slot[k]];
    if (d->holder_slot[device] == EPLB_EMPTY)
      d->holder[d->num_holders++] = device;
    if (d->holder_slot[device] == EPLB_EMPTY || slot[k] < d->holder_slot[device])
      d->holder_slot[device] = slot[k];
  }
}

static void forget_holders(eplb_deriver_t *d) {
  for (int i = 0; i < d->num_holders; i++)
    d->holder_slot[d->holder[i]] = EPLB_EMPTY;
}

static int holders_in_node(const eplb_deriver_t *d, int node) {
  int count = 0;
  for (int i = 0; i < d->num_holders; i++)
    count += eplb_topology_node(d->topology, d->holder[i]) == node;
  return count;
}

/* Whether device a is the better sender: by what its node has sent (only across nodes), then by what it has, then by number. */
static int better_sender(const eplb_deriver_t *d, int a, int b, int across) {
  int64_t node_a = d->node_sent[eplb_topology_node(d->topology, a)];
  int64_t node_b = d->node_sent[eplb_topology_node(d->topology, b)];
  if (across && node_a != node_b)
    return node_a < node_b;
  return d->sent[a] != d->sent[b] ? d->sent[a] < d->sent[b] : a < b;
}

/* The best holder in `node`, or anywhere if node is -1. */
static int choose_holder(const eplb_deriver_t *d, int node) {
  int best = -1;
  for (int i = 0; i < d->num_holders; i++) {
    int device = d->holder[i];
    if ((node < 0 || eplb_topology_node(d->topology, device) == node) &&
        (best < 0 || better_sender(d, device, best, node < 0)))
      best = device;
  }
  return best;
}

static void plan(eplb_deriver_t *d, int expert, int from_slot, const change_t *to, eplb_link_t link, int stage,
                 int64_t weight) {
  int from = d->device[from_slot];
  d->planned[d->num_planned++] = (eplb_transfer_t){.expert = expert,
                                                   .from_device = from,
                                                   .from_slot = from_slot,
                                                   .to_device = to->device,
                                                   .to_slot = to->slot,
                                                   .link = (int16_t)link,
                                                   .stage = (int16_t)stage};
  if (link != EPLB_LINK_DEVICE)
    d->sent[from] += weight;
  if (link == EPLB_LINK_NETWORK)
    d->node_sent[eplb_topology_node(d->topology, from)] += weight;
}

/* The changes [first, end) are all of one device. The first slot is fed from `from_slot` by `link`, the others from the first; or
 * all from a slot of the device itself, where it has the expert. */
static void feed_device(eplb_deriver_t *d, int expert, const change_t *first, const change_t *end, int from_slot,
                        eplb_link_t link, int stage, int64_t weight) {
  int own = d->holder_slot[first->device];
  if (own == EPLB_EMPTY) {
    plan(d, expert, from_slot, first, link, stage, weight);
    own = first->slot;
    first++;
    stage++;
  } else {
    stage = 0;
  }
  for (const change_t *c = first; c < end; c++)
    plan(d, expert, own, c, EPLB_LINK_DEVICE, stage, weight);
}

static const change_t *end_of_device(const change_t *c, const change_t *end) {
  const change_t *first = c;
  while (c < end && c->device == first->device)
    c++;
  return c;
}

/* The changes [first, end) are all of one node that lacks the expert: one copy enters it, to the device that has sent least, since
 * that one feeds the others. */
static void feed_node_from_outside(eplb_deriver_t *d, int expert, const change_t *first, const change_t *end,
                                   int64_t weight) {
  const change_t *entry = first;
  for (const change_t *c = first; c < end; c = end_of_device(c, end))
    if (better_sender(d, c->device, entry->device, 0))
      entry = c;
  int source = choose_holder(d, -1);
  feed_device(d, expert, entry, end_of_device(entry, end), d->holder_slot[source], EPLB_LINK_NETWORK, 0, weight);
  for (const change_t *c = first; c < end; c = end_of_device(c, end))
    if (c != entry)
      feed_device(d, expert, c, end_of_device(c, end), entry->slot, EPLB_LINK_NODE, 1, weight);
}

static void feed_node_from_inside(eplb_deriver_t *d, int expert, const change_t *first, const change_t *end,
                                  int64_t weight) {
  for (const change_t *c = first; c < end; c = end_of_device(c, end)) {
    int own = d->holder_slot[c->device];
    int from_slot = own != EPLB_EMPTY ? own : d->holder_slot[choose_holder(d, c->node)];
    feed_device(d, expert, c, end_of_device(c, end), from_slot, EPLB_LINK_NODE, 0, weight);
  }
}

/* Feeds the nodes whose choice of senders is forced (or those where it is free): the forced ones go first, so that the free
 * choices can even out what those have done. */
static void feed_expert(eplb_deriver_t *d, int expert, int forced, int64_t weight) {
  const change_t *end = d->change + d->begin[expert + 1];
  for (const change_t *first = d->change + d->begin[expert], *next; first < end; first = next) {
    for (next = first; next < end && next->node == first->node;)
      next++;
    int inside = holders_in_node(d, first->node);
    if (((inside ? inside : d->num_holders) == 1) != forced)
      continue;
    if (inside)
      feed_node_from_inside(d, expert, first, next, weight);
    else
      feed_node_from_outside(d, expert, first, next, weight);
  }
}

static eplb_status_t plan_layer(eplb_deriver_t *d, const eplb_placement_t *before, int layer, int64_t weight) {
  d->num_planned = 0;
  for (int forced = 1; forced >= 0; forced--)
    for (int e = 0; e < d->num_experts; e++) {
      if (d->begin[e] == d->begin[e + 1])
        continue;
      if (eplb_placement_counts(before, layer)[e] < 1)
        return eplb_fail(EPLB_ERR_SHAPE, "layer %d: expert %d is to be placed, but no slot holds it before", layer, e);
      find_holders(d, before, layer, e);
      feed_expert(d, e, forced, weight);
      forget_holders(d);
    }
  return EPLB_SUCCESS;
}

/* The planned transfers by stage, in a list that is the caller's. */
static eplb_status_t list_by_stage(const eplb_deriver_t *d, int layer, eplb_transfers_t *transfers) {
  if (d->num_planned > transfers->capacity) {
    eplb_transfer_t *grown = eplb_grow(transfers->transfer, (size_t)d->num_planned, sizeof *grown);
    if (!grown)
      return EPLB_ERR_MEMORY;
    transfers->transfer = grown;
    transfers->capacity = d->num_planned;
  }
  for (int stage = 0; transfers->count < d->num_planned; stage++)
    for (int i = 0; i < d->num_planned; i++)
      if (d->planned[i].stage == stage) {
        transfers->transfer[transfers->count] = d->planned[i];
        transfers->transfer[transfers->count++].layer = layer;
      }
  return EPLB_SUCCESS;
}

static eplb_status_t check_sizes(const eplb_deriver_t *d, const eplb_placement_t *before, const eplb_placement_t *after,
                                 int layer) {
  if (before->num_experts != d->num_experts || after->num_experts != d->num_experts ||
      before->num_slots != d->num_slots || after->num_slots != d->num_slots)
    return eplb_fail(EPLB_ERR_SHAPE, "placements of %d experts in %d slots and %d in %d; expected %d in %d",
                     before->num_experts, before->num_slots, after->num_experts, after->num_slots, d->num_experts,
                     d->num_slots);
  if (layer < 0 || layer >= before->num_layers || layer >= after->num_layers)
    return eplb_fail(EPLB_ERR_SHAPE, "layer %d of placements of %d and %d layers", layer, before->num_layers,
                     after->num_layers);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_derive_layer(eplb_deriver_t *deriver, const eplb_placement_t *before, const eplb_placement_t *after,
                                int layer, int64_t expert_bytes, eplb_transfers_t *transfers) {
  transfers->count = 0;
  eplb_status_t status = check_sizes(deriver, before, after, layer);
  if (status)
    return status;
  group_changes(deriver, eplb_placement_row(before, layer), eplb_placement_row(after, layer));
  status = plan_layer(deriver, before, layer, expert_bytes > 0 ? expert_bytes : 1);
  return status ? status : list_by_stage(deriver, layer, transfers);
}

void eplb_transfers_free(eplb_transfers_t *transfers) {
  free(transfers->transfer);
  *transfers = (eplb_transfers_t){0};
}
