#include "core/transfer/staging.h"
#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/transfer.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SLOTS = 6 * SHAPE_MAX_DEVICES };

/* A layer's change, cut. `wanted` is `after` as it was asked for. */
typedef struct cut {
  const eplb_topology_t *topology;
  int num_slots, num_experts, capacity, num_steps;
  int32_t before[MAX_SLOTS], wanted[MAX_SLOTS], after[MAX_SLOTS], step[MAX_SLOTS];
} cut_t;

static void cut(cut_t *c) {
  memcpy(c->after, c->wanted, sizeof c->after);
  CU_ASSERT_EQUAL_FATAL(
      eplb_staging_steps_cut(c->topology,
                             &(const eplb_staging_steps_t){c->num_experts, c->capacity, c->before, c->after, c->step},
                             &c->num_steps),
      EPLB_SUCCESS);
}

static int held_by(const int32_t *row, int begin, int end, int expert) {
  int count = 0;
  for (int s = begin; s < end; s++)
    count += row[s] == expert;
  return count;
}

/* The same experts on each device, and a step for each slot that changes and no other. */
static void check_result(const cut_t *c) {
  const int32_t *begin = c->topology->slot_begin;
  for (int d = 0; d < c->topology->num_devices; d++)
    for (int e = EPLB_EMPTY; e < c->num_experts; e++)
      CU_ASSERT_EQUAL(held_by(c->after, begin[d], begin[d + 1], e), held_by(c->wanted, begin[d], begin[d + 1], e));
  for (int s = 0; s < c->num_slots; s++) {
    CU_ASSERT(c->step[s] >= -1 && c->step[s] < c->num_steps);
    CU_ASSERT_EQUAL(c->step[s] == -1, c->after[s] == c->before[s]);
    if (c->before[s] == EPLB_EMPTY && c->step[s] != -1)
      CU_ASSERT_EQUAL(c->step[s], 0);
    if (c->after[s] == EPLB_EMPTY && c->step[s] != -1)
      CU_ASSERT_EQUAL(c->step[s], c->num_steps - 1);
  }
}

/* In every step something happens, on no device too much, and no expert is lost by it. */
static void check_step(const cut_t *c, int which, const int32_t *row) {
  int changed = 0;
  for (int d = 0; d < c->topology->num_devices; d++) {
    int counted = 0;
    for (int s = c->topology->slot_begin[d]; s < c->topology->slot_begin[d + 1]; s++) {
      changed += c->step[s] == which;
      counted += c->step[s] == which && c->before[s] != EPLB_EMPTY && c->after[s] != EPLB_EMPTY;
    }
    CU_ASSERT(counted <= c->capacity);
  }
  CU_ASSERT(changed > 0);
  for (int e = 0; e < c->num_experts; e++)
    CU_ASSERT(held_by(row, 0, c->num_slots, e) > 0);
}

static void check_all(const cut_t *c) {
  int32_t row[MAX_SLOTS];
  memcpy(row, c->before, sizeof row);
  check_result(c);
  for (int k = 0; k < c->num_steps; k++) {
    eplb_staging_steps_apply(c->num_slots, c->after, c->step, k, row);
    check_step(c, k, row);
  }
  CU_ASSERT(!memcmp(row, c->after, (size_t)c->num_slots * sizeof *row));
}

/* The most slots that any device has to change and that count. */
static int most_changes(const cut_t *c) {
  int most = 0;
  for (int d = 0; d < c->topology->num_devices; d++) {
    int count = 0;
    for (int s = c->topology->slot_begin[d]; s < c->topology->slot_begin[d + 1]; s++)
      count += c->wanted[s] != c->before[s] && c->before[s] != EPLB_EMPTY && c->wanted[s] != EPLB_EMPTY;
    most = count > most ? count : most;
  }
  return most;
}

static void make_random(rng_t *rng, eplb_topology_t **topology, cut_t *c) {
  *topology = random_topology(rng, SHAPE_ANY);
  memset(c, 0, sizeof *c);
  c->topology = *topology;
  c->num_slots = eplb_topology_num_slots(*topology);
  c->num_experts = rng_between(rng, 1, c->num_slots);
  c->capacity = rng_between(rng, 1, 4);
  eplb_placement_t *before = random_placement(rng, 1, c->num_experts, c->num_slots, rng_between(rng, 0, 40));
  eplb_placement_t *after = rng_between(rng, 0, 1) ? random_placement(rng, 1, c->num_experts, c->num_slots, 20)
                                                   : random_successor(rng, before, rng_between(rng, 0, 50));
  memcpy(c->before, before->physical_to_logical, (size_t)c->num_slots * sizeof(int32_t));
  memcpy(c->wanted, after->physical_to_logical, (size_t)c->num_slots * sizeof(int32_t));
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

static void check_random(rng_t *rng) {
  eplb_topology_t *t;
  cut_t c;
  make_random(rng, &t, &c);
  cut(&c);
  check_all(&c);
  eplb_topology_destroy(&t);
}

static void every_placement_between_is_valid(void) {
  shapes_try(4000, 1, check_random);
}

static void check_roomy(rng_t *rng) {
  eplb_topology_t *t;
  cut_t c;
  make_random(rng, &t, &c);
  int most = most_changes(&c);
  c.capacity = most > 0 ? most : 1;
  cut(&c);
  CU_ASSERT(!memcmp(c.after, c.wanted, sizeof c.after));
  CU_ASSERT_EQUAL(c.num_steps, memcmp(c.before, c.wanted, sizeof c.after) != 0);
  eplb_topology_destroy(&t);
}

static void with_room_for_all_there_is_one_step(void) {
  shapes_try(2000, 2, check_roomy);
}

/* All slots of all devices hold different experts, which are dealt out anew: nothing but cycles. */
static void make_permutation(rng_t *rng, int devices, int slots_each, eplb_topology_t **topology, cut_t *c) {
  memset(c, 0, sizeof *c);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, devices, slots_each, topology), EPLB_SUCCESS);
  c->topology = *topology;
  c->num_slots = c->num_experts = devices * slots_each;
  c->capacity = 1;
  for (int s = 0; s < c->num_slots; s++)
    c->before[s] = c->wanted[s] = s;
  rng_shuffle(rng, c->num_slots, c->wanted);
}

/* A step's transfers as messages: they arrive in staging, and are then copied into their slots. */
typedef struct message {
  int step, from, to, to_slot, expert, from_slot;
  int fed_by;     /* the message whose staging it is sent from, or -1: from the slot */
  int overwrites; /* the message that goes into the slot that it is sent from, or -1 */
  int sends_left; /* from the slot that it goes into, before it may */
  int arrived, copied;
} message_t;

typedef struct schedule {
  message_t message[MAX_SLOTS];
  int num_messages;
  int at[SHAPE_MAX_DEVICES];              /* the step that a device is in */
  int open[SHAPE_MAX_DEVICES][MAX_SLOTS]; /* [device][step]: what it still has to send, receive and copy there */
  int32_t slot[MAX_SLOTS];                /* what it holds */
} schedule_t;

static void add_step(const cut_t *c, schedule_t *s, int step, const eplb_transfers_t *list) {
  int first = s->num_messages, message_of[MAX_SLOTS];
  for (int i = 0; i < c->num_slots; i++)
    message_of[i] = -1;
  for (int64_t i = 0; i < list->count; i++)
    message_of[list->transfer[i].to_slot] = first + (int)i;
  for (int64_t i = 0; i < list->count; i++) {
    const eplb_transfer_t *x = &list->transfer[i];
    int other = message_of[x->from_slot];
    s->message[s->num_messages++] = (message_t){step,
                                                x->from_device,
                                                x->to_device,
                                                x->to_slot,
                                                x->expert,
                                                x->from_slot,
                                                x->stage ? other : -1,
                                                x->stage ? -1 : other,
                                                0,
                                                0,
                                                0};
    s->open[x->from_device][step]++;
    s->open[x->to_device][step] += 2;
  }
  for (int m = first; m < s->num_messages; m++)
    if (s->message[m].overwrites >= 0)
      s->message[s->message[m].overwrites].sends_left++;
}

static void make_schedule(const cut_t *c, schedule_t *s) {
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  int32_t row[MAX_SLOTS], next[MAX_SLOTS];
  memset(s, 0, sizeof *s);
  memcpy(s->slot, c->before, sizeof s->slot);
  memcpy(row, c->before, sizeof row);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(c->topology, c->num_experts, &deriver), EPLB_SUCCESS);
  for (int k = 0; k < c->num_steps; k++) {
    memcpy(next, row, sizeof row);
    eplb_staging_steps_apply(c->num_slots, c->after, c->step, k, next);
    CU_ASSERT_EQUAL_FATAL(eplb_derive_layer(deriver, row, next, 0, 1, &list), EPLB_SUCCESS);
    add_step(c, s, k, &list);
    memcpy(row, next, sizeof row);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
}

/* Does what can be done now about one message. Returns whether anything could. */
static int progress(schedule_t *s, message_t *m) {
  if (!m->arrived && s->at[m->from] == m->step && s->at[m->to] == m->step &&
      (m->fed_by < 0 || s->message[m->fed_by].arrived)) {
    if (m->fed_by < 0)
      CU_ASSERT_EQUAL(s->slot[m->from_slot], m->expert); /* not overwritten yet */
    if (m->overwrites >= 0)
      s->message[m->overwrites].sends_left--;
    s->open[m->from][m->step]--;
    s->open[m->to][m->step]--;
    return m->arrived = 1;
  }
  if (m->arrived && !m->copied && m->sends_left == 0) {
    s->slot[m->to_slot] = m->expert;
    s->open[m->to][m->step]--;
    return m->copied = 1;
  }
  return 0;
}

/* Looks at each message, or leaves out about `skipped` of 4, and lets devices that have done all of a step go on. */
static int sweep(rng_t *rng, const cut_t *c, schedule_t *s, int skipped) {
  int any = 0, offset = rng_between(rng, 0, MAX_SLOTS);
  for (int i = 0; i < s->num_messages; i++)
    if (rng_between(rng, 1, 4) > skipped)
      any |= progress(s, &s->message[(i + offset) % s->num_messages]);
  for (int d = 0; d < c->topology->num_devices; d++)
    while (s->at[d] < c->num_steps && s->open[d][s->at[d]] == 0) {
      s->at[d]++;
      any = 1;
    }
  return any;
}

/* Devices and messages go ahead in any order, each device through its own steps, until nothing can. */
static void check_schedule(rng_t *rng, const cut_t *c) {
  schedule_t s;
  make_schedule(c, &s);
  while (sweep(rng, c, &s, rng_between(rng, 0, 3)) || sweep(rng, c, &s, 0))
    continue;
  for (int d = 0; d < c->topology->num_devices; d++)
    CU_ASSERT_EQUAL(s.at[d], c->num_steps);
  for (int i = 0; i < c->num_slots; i++)
    CU_ASSERT(s.slot[i] == c->after[i] || c->after[i] == EPLB_EMPTY);
}

static void schedule_of_random(rng_t *rng) {
  eplb_topology_t *t;
  cut_t c;
  make_random(rng, &t, &c);
  cut(&c);
  check_schedule(rng, &c);
  eplb_topology_destroy(&t);
}

static void random_changes_in_place_end(void) {
  shapes_try(2000, 3, schedule_of_random);
}

static void check_permutation(rng_t *rng) {
  static const int devices[] = {2, 3, 5, 8, 16, 32};
  eplb_topology_t *t;
  cut_t c;
  make_permutation(rng, devices[rng_between(rng, 0, 5)], rng_between(rng, 1, 6), &t, &c);
  cut(&c);
  check_all(&c);
  check_schedule(rng, &c);
  eplb_topology_destroy(&t);
}

static void permutations_in_place_end(void) {
  shapes_try(3000, 4, check_permutation);
}

/* Has what stays on a device keep its slot, as planners do. */
static void keep_slots(cut_t *c) {
  eplb_placement_t *before = NULL, *after = NULL;
  size_t bytes = (size_t)c->num_slots * sizeof(int32_t);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, c->num_experts, c->num_slots, &before), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, c->num_experts, c->num_slots, &after), EPLB_SUCCESS);
  memcpy(before->physical_to_logical, c->before, bytes);
  memcpy(after->physical_to_logical, c->wanted, bytes);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_keep_slots(c->topology, before, after), EPLB_SUCCESS);
  memcpy(c->wanted, after->physical_to_logical, bytes);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

/* Steps in a hundred random changes of `devices` devices of 6 slots, one slot at a time, by those that the busiest
 * needs. */
static double steps_of_least(int devices, int experts) {
  int steps = 0, least = 0;
  for (int i = 0; i < 100; i++) {
    rng_t rng = {(uint64_t)i};
    eplb_topology_t *t;
    cut_t c;
    make_permutation(&rng, devices, 6, &t, &c);
    c.num_experts = experts;
    for (int s = 0; s < c.num_slots; s++) {
      c.before[s] %= experts;
      c.wanted[s] %= experts;
    }
    keep_slots(&c);
    cut(&c);
    steps += c.num_steps;
    least += most_changes(&c);
    eplb_topology_destroy(&t);
  }
  return (double)steps / least;
}

/* Devices of 6 slots that all change, one at a time: the fewer spare replicas there are, the more must go round
 * together. */
static void there_are_few_steps(void) {
  static const int devices[] = {2, 3, 5, 8, 16, 32};
  for (int i = 0; i < 6; i++) {
    double cycles = steps_of_least(devices[i], 6 * devices[i]), spares = steps_of_least(devices[i], 5 * devices[i]);
    printf("# %d devices: %.2f times the least number of steps; with a sixth of the slots to spare %.2f\n", devices[i],
           cycles, spares);
    CU_ASSERT(cycles >= 1 && cycles <= 1.75);
    CU_ASSERT(spares >= 1 && spares <= 1.2);
  }
}

/* Two slots of one device that are to change their experts need not: they hold what they are to hold. */
static void what_a_device_has_stays_where_it_is(void) {
  rng_t rng = {1};
  eplb_topology_t *t;
  cut_t c;
  make_permutation(&rng, 2, 3, &t, &c);
  memcpy(c.wanted, (int32_t[]){1, 0, 2, 5, 3, 4}, 6 * sizeof(int32_t));
  cut(&c);
  CU_ASSERT_EQUAL(c.num_steps, 0);
  check_all(&c);
  eplb_topology_destroy(&t);
}

static void what_cannot_be_cut_is_refused(void) {
  int32_t good[4] = {0, 1, 2, 2}, high[4] = {0, 1, 3, 2}, step[4], as_it_was[4] = {0, 1, 3, 2};
  int num_steps = -7;
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &t), EPLB_SUCCESS);
  TAP_FAILS(eplb_staging_steps_cut(t, &(const eplb_staging_steps_t){3, 0, good, good, step}, &num_steps),
            EPLB_ERR_ARGUMENT, "0 slots");
  TAP_FAILS(eplb_staging_steps_cut(t, &(const eplb_staging_steps_t){3, 1, good, high, step}, &num_steps),
            EPLB_ERR_SHAPE, "slot 2 holds expert 3 after");
  TAP_FAILS(eplb_staging_steps_cut(t, &(const eplb_staging_steps_t){3, 1, high, good, step}, &num_steps),
            EPLB_ERR_SHAPE, "slot 2 holds expert 3 before");
  CU_ASSERT(num_steps == -7 && !memcmp(high, as_it_was, sizeof high));
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {{"every placement between is valid", every_placement_between_is_valid},
                                     {"with room for all there is one step", with_room_for_all_there_is_one_step},
                                     {"random changes in place end", random_changes_in_place_end},
                                     {"permutations in place end", permutations_in_place_end},
                                     {"there are few steps", there_are_few_steps},
                                     {"what a device has stays where it is", what_a_device_has_stays_where_it_is},
                                     {"what cannot be cut is refused", what_cannot_be_cut_is_refused},
                                     {NULL, NULL}};
  return tap_run("staging", tests);
}
