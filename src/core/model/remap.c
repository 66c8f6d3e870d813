/* Carries a placement over to other devices: after a change of size (each surviving device keeps its experts) or for
 * devices that are to be drained. Experts that have lost their last replica are given slots and reported as lost. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/placement.h>

typedef struct carrier {
  const eplb_topology_t *topology; /* the new one */
  eplb_placement_t *after;
  eplb_lost_t *lost;
  int num_lost, room;
  int device;         /* the next to take in a lost expert */
  const int *drained; /* [num_devices]: takes none; or NULL */
} carrier_t;

static int device_slots(const eplb_topology_t *t, int device) {
  return t->slot_begin[device + 1] - t->slot_begin[device];
}

/* Whether the placement is valid and has the topology's slots. */
static eplb_status_t check_before(const eplb_topology_t *t, const eplb_placement_t *before) {
  if (!t || !before)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", t ? "before" : "topology");
  if (before->num_slots != eplb_topology_num_slots(t))
    return eplb_fail(EPLB_ERR_SHAPE, "a placement of %s on devices of %d; expected the same",
                     eplb_count(before->num_slots, "slot"), eplb_topology_num_slots(t));
  return eplb_placement_validate(before);
}

static eplb_status_t check_remap(const eplb_topology_t *old, const eplb_placement_t *before, const eplb_topology_t *new,
                                 const int *old_device) {
  if (!new || !old_device)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", new ? "old_device" : "new_topology");
  eplb_status_t status = check_before(old, before);
  if (status)
    return status;
  int *named_by = EPLB_NEW(int, old->num_devices);
  status = named_by ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int d = 0; d < new->num_devices && !status; d++) {
    int was = old_device[d];
    if (was < -1 || was >= old->num_devices)
      status = eplb_fail(EPLB_ERR_ARGUMENT, "device %d was device %d before; expected -1 to %d", d, was,
                         old->num_devices - 1);
    else if (was >= 0 && named_by[was])
      status = eplb_fail(EPLB_ERR_ARGUMENT, "devices %d and %d both were device %d before", named_by[was] - 1, d, was);
    else if (was >= 0)
      named_by[was] = d + 1;
  }
  free(named_by);
  return status;
}

/* What each device brings along. */
static void carry_layer(const eplb_topology_t *old, const eplb_placement_t *before, const carrier_t *c,
                        const int *old_device, int layer) {
  const int32_t *from = eplb_placement_row(before, layer);
  int32_t *to = eplb_placement_row(c->after, layer), *count = eplb_placement_counts(c->after, layer);
  for (int e = 0; e < before->num_experts; e++)
    count[e] = 0;
  for (int d = 0; d < c->topology->num_devices; d++) {
    int was = old_device[d], kept = was < 0 ? 0 : device_slots(old, was);
    for (int s = 0; s < device_slots(c->topology, d); s++) {
      int expert = s < kept ? from[old->slot_begin[was] + s] : EPLB_EMPTY;
      to[c->topology->slot_begin[d] + s] = expert;
      if (expert != EPLB_EMPTY)
        count[expert]++;
    }
  }
}

/* The slot of a device that is best given to a lost expert: an empty one, else that of the expert with most replicas.
 * -1 if all of its experts have but one. */
static int spare_slot(const carrier_t *c, int layer, int device) {
  const int32_t *row = eplb_placement_row(c->after, layer), *count = eplb_placement_counts(c->after, layer);
  int best = -1, most = 1;
  for (int s = c->topology->slot_begin[device]; s < c->topology->slot_begin[device + 1]; s++) {
    if (row[s] == EPLB_EMPTY)
      return s;
    if (count[row[s]] > most) {
      most = count[row[s]];
      best = s;
    }
  }
  return best;
}

static int find_slot(carrier_t *c, int layer) {
  int slot = -1;
  for (int tries = 0; tries < c->topology->num_devices && slot < 0; tries++) {
    if (!c->drained || !c->drained[c->device])
      slot = spare_slot(c, layer, c->device);
    c->device = (c->device + 1) % c->topology->num_devices;
  }
  return slot; /* there is one: no fewer slots than experts */
}

static eplb_status_t add_lost(carrier_t *c, int layer, int expert, int slot) {
  if (c->num_lost == c->room) {
    eplb_lost_t *grown = eplb_grow(c->lost, 2 * (size_t)c->room + 16, sizeof *grown);
    if (!grown)
      return EPLB_ERR_MEMORY;
    c->lost = grown;
    c->room = 2 * c->room + 16;
  }
  c->lost[c->num_lost++] = (eplb_lost_t){layer, expert, slot};
  return EPLB_SUCCESS;
}

static eplb_status_t place_lost(carrier_t *c, int layer) {
  int32_t *row = eplb_placement_row(c->after, layer), *count = eplb_placement_counts(c->after, layer);
  eplb_status_t status = EPLB_SUCCESS;
  for (int e = 0; e < c->after->num_experts && !status; e++) {
    if (count[e])
      continue;
    int slot = find_slot(c, layer);
    if (row[slot] != EPLB_EMPTY)
      count[row[slot]]--;
    row[slot] = e;
    count[e] = 1;
    status = add_lost(c, layer, e, slot);
  }
  return status ? status : eplb_placement_index_layer(c->after, layer);
}

eplb_status_t eplb_placement_carry(const eplb_topology_t *old_topology, const eplb_placement_t *before,
                                   const eplb_topology_t *new_topology, const int *old_device, eplb_placement_t **after,
                                   eplb_losses_t *losses) {
  carrier_t c = {.topology = new_topology};
  if (!after || !losses)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", after ? "losses" : "after");
  eplb_status_t status = check_remap(old_topology, before, new_topology, old_device);
  if (!status)
    status =
        eplb_placement_create(before->num_layers, before->num_experts, eplb_topology_num_slots(new_topology), &c.after);
  for (int l = 0; !status && l < before->num_layers; l++) {
    carry_layer(old_topology, before, &c, old_device, l);
    status = place_lost(&c, l);
  }
  if (status) {
    eplb_placement_destroy(&c.after);
    free(c.lost);
    return status;
  }
  *after = c.after;
  *losses = (eplb_losses_t){c.num_lost, c.lost};
  return EPLB_SUCCESS;
}

static eplb_status_t check_drained(const eplb_topology_t *t, const eplb_placement_t *before, const int *drained) {
  eplb_status_t status = check_before(t, before);
  if (status)
    return status;
  if (!drained)
    return eplb_fail(EPLB_ERR_ARGUMENT, "drained is NULL");
  int left = 0;
  for (int d = 0; d < t->num_devices; d++)
    left += drained[d] ? 0 : device_slots(t, d);
  return left >= before->num_experts ? EPLB_SUCCESS
                                     : eplb_fail(EPLB_ERR_SHAPE, "%s left for %s; every expert needs one",
                                                 eplb_count(left, "slot"), eplb_count(before->num_experts, "expert"));
}

/* Empties the drained devices' slots of a layer. */
static void drain_layer(const carrier_t *c, int layer) {
  int32_t *row = eplb_placement_row(c->after, layer), *count = eplb_placement_counts(c->after, layer);
  for (int d = 0; d < c->topology->num_devices; d++)
    for (int s = c->topology->slot_begin[d]; s < c->topology->slot_begin[d + 1] && c->drained[d]; s++) {
      if (row[s] != EPLB_EMPTY)
        count[row[s]]--;
      row[s] = EPLB_EMPTY;
    }
}

eplb_status_t eplb_placement_drain(const eplb_topology_t *topology, const eplb_placement_t *before, const int *drained,
                                   eplb_placement_t **after) {
  carrier_t c = {.topology = topology, .drained = drained};
  if (!after)
    return eplb_fail(EPLB_ERR_ARGUMENT, "after is NULL");
  eplb_status_t status = check_drained(topology, before, drained);
  if (!status)
    status = eplb_placement_copy(before, &c.after);
  for (int l = 0; !status && l < before->num_layers; l++) {
    drain_layer(&c, l);
    status = place_lost(&c, l);
  }
  free(c.lost); /* none is: the drained devices still have them */
  if (status) {
    eplb_placement_destroy(&c.after);
    return status;
  }
  *after = c.after;
  return EPLB_SUCCESS;
}

void eplb_losses_free(eplb_losses_t *losses) {
  if (!losses)
    return;
  free(losses->lost);
  *losses = (eplb_losses_t){0};
}
