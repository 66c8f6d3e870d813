/* Cuts a layer's change into steps, for devices that can stage only a few experts at a time.
 *
 * Problem: no step may lose an expert's last replica, no device may take more than `capacity` experts in a step, and
 * there should be as few steps as the device with most changes needs.
 * Method: chains. A slot that changes lets its expert go; if that was the last replica, a slot that is to get this
 * expert must change in the same step, and so on, until an expert is let go that others still hold, or the chain
 * closes to a cycle. Within a device slots may exchange what they bring, which closes cycles early. Devices with most
 * left to do begin.
 * Cost: O(changes x candidates). */
#include "core/transfer/staging.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <eplb/placement.h>
#include <limits.h>

/* Slots that could bring an expert in time are compared up to this many, so that one with many replicas costs no
 * more. */
enum { CANDIDATES = 8 };

/* What step[] says beside a number. */
enum { UNCHANGED = -1, PENDING = -2 };

enum { NONE = -1 };

/* The place of a slot among those that are to get the same expert. */
typedef struct place {
  int32_t previous, next;
} place_t;

typedef struct cutter {
  const eplb_topology_t *topology;
  const int32_t *before;
  int32_t *after, *step; /* the caller's */
  int num_slots, num_experts, capacity, now;
  int32_t *device;    /* [num_slots] */
  int32_t *held;      /* [num_experts]: by how many slots after this step, as far as it is known */
  int32_t *used;      /* [num_devices]: slots that this step changes and that count */
  int32_t *remaining; /* [num_devices]: slots that are pending and count */
  int32_t *order;     /* [num_devices]: most remaining first */
  int32_t *begin;     /* [most slots of a device + 2]: scratch of sorting */
  int32_t *coming;    /* [num_experts]: the first pending slot that is to get an expert */
  place_t *place;     /* [num_slots] */
  int32_t *chain;     /* [num_slots]: each slot brings what the one before it lets go */
  int32_t *in_chain;  /* [num_devices]: the place in it of a device's first slot, or NONE */
  int length;
} cutter_t;

static void push_slot(cutter_t *c, int s) {
  int32_t *first = &c->coming[c->after[s]];
  c->place[s] = (place_t){NONE, *first};
  if (*first != NONE)
    c->place[*first].previous = s;
  *first = s;
}

static void remove_slot(cutter_t *c, int s) {
  place_t at = c->place[s];
  if (at.previous != NONE)
    c->place[at.previous].next = at.next;
  else
    c->coming[c->after[s]] = at.next;
  if (at.next != NONE)
    c->place[at.next].previous = at.previous;
}

/* Has the slot change in this step. */
static void take(cutter_t *c, int s) {
  remove_slot(c, s);
  c->step[s] = c->now;
  c->held[c->after[s]]++;
  if (c->before[s] == EPLB_EMPTY)
    return;
  c->held[c->before[s]]--;
  c->used[c->device[s]]++;
  c->remaining[c->device[s]]--;
}

static void put_back(cutter_t *c, int s) {
  c->remaining[c->device[s]]++;
  c->used[c->device[s]]--;
  c->held[c->before[s]]++;
  c->held[c->after[s]]--;
  c->step[s] = PENDING;
  push_slot(c, s);
}

static int full(const cutter_t *c, int device) {
  return c->used[device] == c->capacity;
}

/* How well a pending slot continues the chain: it ends it, goes on with it on a device with more or less left to do, or
 * its device has no room. */
static int merit(const cutter_t *c, int s) {
  if (full(c, c->device[s]))
    return NONE;
  return c->held[c->before[s]] > 1 ? INT_MAX : c->remaining[c->device[s]];
}

/* The best of the first few pending slots that are to get the expert; NONE if no slot is. */
static int find_supplier(const cutter_t *c, int expert) {
  int best = c->coming[expert], seen = 1;
  for (int s = best; s != NONE && seen < CANDIDATES; seen++) {
    s = c->place[s].next;
    if (s != NONE && merit(c, s) > merit(c, best))
      best = s;
  }
  return best;
}

/* The slots to which the chain can go on from the pending slot `s`, which lets its expert go; the best is last. */
enum { NOWHERE, CYCLE, ONWARD };

static int prospect(const cutter_t *c, int s) {
  int supplier = c->held[c->before[s]] > 1 ? NONE : find_supplier(c, c->before[s]);
  if (supplier == NONE || !full(c, c->device[supplier]))
    return ONWARD;
  return c->in_chain[c->device[supplier]] == NONE ? NOWHERE : CYCLE;
}

/* Gives a slot that is not taken another expert to bring; which may be the one that it has. */
static void retarget(cutter_t *c, int s, int expert) {
  c->after[s] = expert;
  if (expert == c->before[s]) {
    c->step[s] = UNCHANGED;
    c->remaining[c->device[s]]--;
  } else {
    push_slot(c, s);
  }
}

/* The slot of the same device that should bring what `s` was to bring, since a device may let go its experts in any
 * order: itself, as long as that leads onward. */
static int choose_slot(cutter_t *c, int s) {
  const int32_t *begin = &c->topology->slot_begin[c->device[s]];
  int best = s, most = prospect(c, s), expert = c->after[s];
  for (int other = begin[0]; other < begin[1] && most < ONWARD; other++)
    if (c->step[other] == PENDING && c->after[other] != EPLB_EMPTY && c->before[other] != expert &&
        prospect(c, other) > most) {
      best = other;
      most = prospect(c, other);
    }
  if (best == s)
    return s;
  remove_slot(c, s);
  remove_slot(c, best);
  int other_expert = c->after[best];
  retarget(c, best, expert);
  retarget(c, s, other_expert);
  return best;
}

/* Lets the chain's slot at `place` bring what the pending slot `s` of the same device was to bring: that closes the
 * chain from there on to a cycle, and what comes before it in the chain is put back. */
static void close_cycle(cutter_t *c, int place, int s) {
  int first = c->chain[place], expert = c->after[s];
  remove_slot(c, s);
  c->held[c->after[first]]--;
  c->held[expert]++;
  retarget(c, s, c->after[first]);
  c->after[first] = expert;
  if (expert == c->before[first]) { /* the device itself was to bring it, into another slot */
    c->step[first] = UNCHANGED;
    c->used[c->device[first]]--;
  }
  while (place > 0)
    put_back(c, c->chain[--place]);
}

/* Has the slot, or another of its device, change in this step, with all that must change with it so that no expert
 * loses its last replica; or, where devices have no room left for that, nothing. */
static void extend_chain(cutter_t *c, int s) {
  for (;;) {
    s = choose_slot(c, s);
    take(c, s);
    if (c->in_chain[c->device[s]] == NONE)
      c->in_chain[c->device[s]] = c->length;
    c->chain[c->length++] = s;
    if (c->held[c->before[s]] > 0)
      return;
    s = find_supplier(c, c->before[s]);
    if (s == NONE) /* no slot is to hold it in the end */
      return;
    if (full(c, c->device[s]))
      break;
  }
  int place = c->in_chain[c->device[s]];
  if (place != NONE)
    close_cycle(c, place, s);
  else
    for (int i = c->length - 1; i >= 0; i--)
      put_back(c, c->chain[i]);
}

static void try_chain(cutter_t *c, int s) {
  c->length = 0;
  extend_chain(c, s);
  for (int i = 0; i < c->length; i++)
    c->in_chain[c->device[c->chain[i]]] = NONE;
}

/* Those with most left to do decide how many steps there must be. */
static void order_by_changes(cutter_t *c, int most) {
  const int devices = c->topology->num_devices;
  for (int i = 0; i <= most + 1; i++)
    c->begin[i] = 0;
  for (int d = 0; d < devices; d++)
    c->begin[most - c->remaining[d] + 1]++;
  for (int i = 0; i <= most; i++)
    c->begin[i + 1] += c->begin[i];
  for (int d = 0; d < devices; d++)
    c->order[c->begin[most - c->remaining[d]]++] = d;
}

/* Returns whether anything was left to do. In an empty step no device is full but by the chain itself, so that the
 * first chain closes: each call gets somewhere. */
static int cut_step(cutter_t *c, int most) {
  const eplb_topology_t *t = c->topology;
  order_by_changes(c, most);
  if (c->remaining[c->order[0]] == 0)
    return 0;
  for (int d = 0; d < t->num_devices; d++)
    c->used[d] = 0;
  int any = 0;
  for (int i = 0; i < t->num_devices; i++) {
    int device = c->order[i];
    for (int s = t->slot_begin[device]; s < t->slot_begin[device + 1] && c->remaining[device] > 0; s++)
      if (c->step[s] == PENDING && c->after[s] != EPLB_EMPTY && !full(c, device))
        try_chain(c, s);
    any |= c->used[device] > 0;
  }
  c->now += any; /* not if the only cycle that was found leaves the experts of a device unchanged */
  return 1;
}

static void cut_steps(cutter_t *c, int most, int *num_steps) {
  int any = 0;
  for (int s = 0; s < c->num_slots; s++) {
    c->step[s] = c->before[s] == c->after[s] ? UNCHANGED : PENDING;
    if (c->before[s] != EPLB_EMPTY)
      c->held[c->before[s]]++;
    if (c->step[s] != PENDING || c->after[s] == EPLB_EMPTY)
      continue;
    push_slot(c, s);
    c->remaining[c->device[s]] += c->before[s] != EPLB_EMPTY;
  }
  for (int s = 0; s < c->num_slots; s++)
    if (c->step[s] == PENDING && c->before[s] == EPLB_EMPTY)
      take(c, s);
  while (cut_step(c, most))
    continue;
  for (int s = 0; s < c->num_slots; s++)
    any |= c->step[s] != UNCHANGED;
  *num_steps = any && c->now == 0 ? 1 : c->now; /* one also where slots are only filled and emptied */
  for (int s = 0; s < c->num_slots; s++)
    if (c->step[s] == PENDING)
      c->step[s] = *num_steps - 1;
}

static eplb_status_t check_rows(const cutter_t *c) {
  if (c->capacity < 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "a step of %s on a device; expected at least 1",
                     eplb_count(c->capacity, "slot"));
  for (int s = 0; s < c->num_slots; s++)
    for (int i = 0; i < 2; i++) {
      int expert = i ? c->after[s] : c->before[s];
      if (expert < EPLB_EMPTY || expert >= c->num_experts)
        return eplb_fail(EPLB_ERR_SHAPE, "slot %d holds expert %d %s; expected %d to %d", s, expert,
                         i ? "after" : "before", EPLB_EMPTY, c->num_experts - 1);
    }
  return EPLB_SUCCESS;
}

/* Whether every device can stage all that it is to get: then all change at once. */
static int fits_one_step(const cutter_t *c) {
  const eplb_topology_t *t = c->topology;
  for (int d = 0; d < t->num_devices; d++) {
    int counted = 0;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      counted += c->before[s] != c->after[s] && c->before[s] != EPLB_EMPTY && c->after[s] != EPLB_EMPTY;
    if (counted > c->capacity)
      return 0;
  }
  return 1;
}

static int take_one_step(const cutter_t *c) {
  int any = 0;
  for (int s = 0; s < c->num_slots; s++) {
    c->step[s] = c->before[s] == c->after[s] ? UNCHANGED : 0;
    any |= c->step[s] == 0;
  }
  return any;
}

static int most_slots(const eplb_topology_t *t) {
  int most = 0;
  for (int d = 0; d < t->num_devices; d++)
    if (t->slot_begin[d + 1] - t->slot_begin[d] > most)
      most = t->slot_begin[d + 1] - t->slot_begin[d];
  return most;
}

static eplb_status_t allocate_staging(cutter_t *c, int most) {
  const eplb_topology_t *t = c->topology;
  c->device = EPLB_NEW(int32_t, c->num_slots);
  c->place = EPLB_NEW(place_t, c->num_slots);
  c->chain = EPLB_NEW(int32_t, c->num_slots);
  c->held = EPLB_NEW(int32_t, c->num_experts);
  c->coming = EPLB_NEW(int32_t, c->num_experts);
  c->used = EPLB_NEW(int32_t, t->num_devices);
  c->remaining = EPLB_NEW(int32_t, t->num_devices);
  c->order = EPLB_NEW(int32_t, t->num_devices);
  c->in_chain = EPLB_NEW(int32_t, t->num_devices);
  c->begin = EPLB_NEW(int32_t, most + 2);
  if (!c->device || !c->place || !c->chain || !c->held || !c->coming || !c->used || !c->remaining || !c->order ||
      !c->in_chain || !c->begin)
    return EPLB_ERR_MEMORY;
  for (int e = 0; e < c->num_experts; e++)
    c->coming[e] = NONE;
  for (int d = 0; d < t->num_devices; d++) {
    c->in_chain[d] = NONE;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      c->device[s] = d;
  }
  return EPLB_SUCCESS;
}

static void release_staging(cutter_t *c) {
  free(c->begin);
  free(c->in_chain);
  free(c->order);
  free(c->remaining);
  free(c->used);
  free(c->coming);
  free(c->held);
  free(c->chain);
  free(c->place);
  free(c->device);
}

eplb_status_t eplb_staging_steps_cut(const eplb_topology_t *topology, const eplb_staging_steps_t *steps,
                                     int *num_steps) {
  cutter_t c = {.topology = topology,
                .before = steps->before,
                .after = steps->after,
                .step = steps->step,
                .num_slots = eplb_topology_num_slots(topology),
                .num_experts = steps->num_experts,
                .capacity = steps->capacity};
  eplb_status_t status = check_rows(&c);
  if (status)
    return status;
  if (fits_one_step(&c)) {
    *num_steps = take_one_step(&c);
    return EPLB_SUCCESS;
  }
  int most = most_slots(topology);
  status = allocate_staging(&c, most);
  if (!status)
    cut_steps(&c, most, num_steps);
  release_staging(&c);
  return status;
}

void eplb_staging_steps_apply(int num_slots, const int32_t *after, const int32_t *step, int which, int32_t *row) {
  for (int s = 0; s < num_slots; s++)
    if (step[s] == which)
      row[s] = after[s];
}
