#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/transfer.h>
#include <string.h>

enum { MAX_SLOTS = 6 * SHAPE_MAX_DEVICES, LAYERS = 3 };

/* One layer of two placements, and the transfers that lead from one to the other. */
typedef struct layer {
  const eplb_topology_t *topology;
  const int32_t *before, *after;
  int index, num_slots, num_experts;
  const eplb_transfers_t *list;
} layer_t;

static layer_t layer_of(const eplb_topology_t *topology, const eplb_placement_t *before, const eplb_placement_t *after,
                        int index, const eplb_transfers_t *list) {
  int slots = before->num_slots;
  layer_t layer = {.topology = topology, .index = index, .num_slots = slots, .num_experts = before->num_experts};
  layer.before = before->physical_to_logical + index * slots;
  layer.after = after->physical_to_logical + index * slots;
  layer.list = list;
  return layer;
}

static int device_holds(const layer_t *l, const int32_t *row, int device, int expert) {
  for (int s = l->topology->slot_begin[device]; s < l->topology->slot_begin[device + 1]; s++)
    if (row[s] == expert)
      return 1;
  return 0;
}

/* Of a level, or after the last level of the devices. */
static int domain_of(const eplb_topology_t *t, int level, int device) {
  return level == t->num_levels ? device : t->domain[level * t->num_devices + device];
}

static int domain_holds(const layer_t *l, const int32_t *row, int level, int domain, int expert) {
  for (int d = 0; d < l->topology->num_devices; d++)
    if (domain_of(l->topology, level, d) == domain && device_holds(l, row, d, expert))
      return 1;
  return 0;
}

static int right_level(const layer_t *l, const eplb_transfer_t *x) {
  const eplb_topology_t *t = l->topology;
  int level = -1;
  while (level < t->num_levels && domain_of(t, level + 1, x->from_device) == domain_of(t, level + 1, x->to_device))
    level++;
  return level;
}

static int right_link(const layer_t *l, const eplb_transfer_t *x) {
  if (x->from_device == x->to_device)
    return EPLB_LINK_DEVICE;
  return eplb_topology_node(l->topology, x->from_device) == eplb_topology_node(l->topology, x->to_device)
             ? EPLB_LINK_NODE
             : EPLB_LINK_NETWORK;
}

static int is_slot(const layer_t *l, int slot, int device) {
  return slot >= 0 && slot < l->num_slots && eplb_topology_device_of_slot(l->topology, slot) == device;
}

/* Takes the transfers one by one, each reading what its source holds before the layer or got in the stage before, and
 * looks whether the slots then hold `after`. */
static void check_outcome(const layer_t *l) {
  const eplb_transfer_t *received[MAX_SLOTS] = {NULL};
  for (int64_t i = 0; i < l->list->count; i++) {
    const eplb_transfer_t *x = &l->list->transfer[i];
    int sound = is_slot(l, x->from_slot, x->from_device) && is_slot(l, x->to_slot, x->to_device);
    CU_ASSERT(sound);
    if (!sound)
      return;
    CU_ASSERT(x->layer == l->index && x->link == right_link(l, x) && x->level == right_level(l, x));
    CU_ASSERT(x->expert == l->after[x->to_slot] && x->expert != l->before[x->to_slot]);
    CU_ASSERT(i == 0 ? x->stage == 0 : x->stage >= l->list->transfer[i - 1].stage);
    const eplb_transfer_t *source = x->stage ? received[x->from_slot] : NULL;
    if (x->stage)
      CU_ASSERT(source && source->expert == x->expert && source->stage == x->stage - 1);
    if (!x->stage)
      CU_ASSERT_EQUAL(l->before[x->from_slot], x->expert);
    CU_ASSERT_PTR_NULL(received[x->to_slot]);
    received[x->to_slot] = x;
  }
  for (int s = 0; s < l->num_slots; s++)
    CU_ASSERT_EQUAL(received[s] != NULL, l->after[s] != EPLB_EMPTY && l->after[s] != l->before[s]);
}

/* What a device holds or gets anyway is copied within it; and nobody waits for long chains of others. */
static void check_nearness(const layer_t *l) {
  for (int64_t i = 0; i < l->list->count; i++) {
    const eplb_transfer_t *x = &l->list->transfer[i];
    int held = device_holds(l, l->before, x->to_device, x->expert);
    CU_ASSERT_EQUAL(held, x->link == EPLB_LINK_DEVICE && x->stage == 0);
    CU_ASSERT(x->stage <= 3 * (l->topology->num_levels + 1));
  }
}

/* At each level as few as any way needs: one into each domain that is to hold an expert and does not, so no second one
 * into any. What crosses the domains of a level has an outer level as its innermost shared one. */
static void check_least(const layer_t *l) {
  const eplb_topology_t *t = l->topology;
  for (int level = 0; level <= t->num_levels; level++) {
    int64_t entering = 0;
    for (int e = 0; e < l->num_experts; e++)
      for (int n = 0; n < (level == t->num_levels ? t->num_devices : t->num_domains[level]); n++)
        entering += domain_holds(l, l->after, level, n, e) && !domain_holds(l, l->before, level, n, e);
    for (int64_t i = 0; i < l->list->count; i++)
      entering -= l->list->transfer[i].level < level;
    CU_ASSERT_EQUAL(entering, 0);
  }
}

static void with_random_layers(rng_t *rng, void (*check)(const layer_t *)) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  eplb_transfers_t list = {0};
  eplb_deriver_t *deriver = NULL;
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots);
  eplb_placement_t *before = random_placement(rng, LAYERS, experts, slots, rng_between(rng, 0, 40));
  eplb_placement_t *after = rng_between(rng, 0, 1) ? random_placement(rng, LAYERS, experts, slots, 10)
                                                   : random_successor(rng, before, rng_between(rng, 0, 50));
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, experts, &deriver), EPLB_SUCCESS);
  for (int l = 0; l < LAYERS; l++) {
    CU_ASSERT_EQUAL_FATAL(
        eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 1000, &list),
        EPLB_SUCCESS);
    layer_t layer = layer_of(t, before, after, l, &list);
    check(&layer);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

static void outcome_of_random(rng_t *rng) {
  with_random_layers(rng, check_outcome);
}

static void the_slots_end_up_as_placed(void) {
  shapes_try(3000, 1, outcome_of_random);
}

static void nearness_of_random(rng_t *rng) {
  with_random_layers(rng, check_nearness);
}

static void what_is_near_is_taken_from_there(void) {
  shapes_try(2000, 2, nearness_of_random);
}

static void least_of_random(rng_t *rng) {
  with_random_layers(rng, check_least);
}

static void each_expert_enters_a_domain_once(void) {
  shapes_try(2000, 3, least_of_random);
}

static int same_transfer(const eplb_transfer_t *x, const eplb_transfer_t *y) {
  return x->layer == y->layer && x->expert == y->expert && x->from_device == y->from_device &&
         x->from_slot == y->from_slot && x->to_device == y->to_device && x->to_slot == y->to_slot &&
         x->link == y->link && x->stage == y->stage && x->level == y->level;
}

/* Two derivers that get the same calls, as on two ranks. */
static void check_repeatable(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  eplb_transfers_t list[2] = {{0}, {0}};
  eplb_deriver_t *deriver[2] = {NULL, NULL};
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots);
  eplb_placement_t *before = random_placement(rng, LAYERS, experts, slots, 0);
  eplb_placement_t *after = random_placement(rng, LAYERS, experts, slots, 0);
  for (int i = 0; i < 2; i++)
    CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, experts, &deriver[i]), EPLB_SUCCESS);
  for (int l = 0; l < LAYERS; l++) {
    for (int i = 0; i < 2; i++)
      CU_ASSERT_EQUAL_FATAL(eplb_derive_layer(deriver[i], eplb_placement_row(before, l), eplb_placement_row(after, l),
                                              l, 1 + l, &list[i]),
                            EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(list[0].count, list[1].count);
    for (int64_t i = 0; i < list[0].count; i++)
      CU_ASSERT(same_transfer(&list[0].transfer[i], &list[1].transfer[i]));
  }
  CU_ASSERT_EQUAL(
      eplb_derive_layer(deriver[0], eplb_placement_row(after, 0), eplb_placement_row(after, 0), 0, 1, &list[0]),
      EPLB_SUCCESS);
  CU_ASSERT_EQUAL(list[0].count, 0); /* nothing changes: nothing moves */
  for (int i = 0; i < 2; i++) {
    eplb_transfers_free(&list[i]);
    eplb_deriver_destroy(&deriver[i]);
  }
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

static void the_same_calls_give_the_same_lists(void) {
  shapes_try(1000, 4, check_repeatable);
}

/* Two layers of four experts on two nodes of two devices of two slots; `spoil` changes what is then refused. */
static void refuse(int layer, void (*spoil)(eplb_placement_t *before, eplb_placement_t *after), const char *text) {
  eplb_topology_t *t = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_placement_t *good = NULL, *before = NULL, *after = NULL;
  eplb_transfers_t list = {0};
  rng_t rng = {1};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 2, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 4, &deriver), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(2, 4, 8, &good), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(2, 4, 8, &before), EPLB_SUCCESS);
  after = random_placement(&rng, 2, 4, 8, 0);
  eplb_placement_t *full = random_placement(&rng, 2, 4, 8, 0);
  CU_ASSERT_EQUAL(eplb_derive_layer(deriver, eplb_placement_row(good, 0), eplb_placement_row(full, 0), 0, 1, &list),
                  EPLB_SUCCESS);
  CU_ASSERT(list.count > 0); /* so that there is something to empty */
  spoil(before, after);
  TAP_FAILS(
      eplb_derive_layer(deriver, eplb_placement_row(before, layer), eplb_placement_row(after, layer), layer, 1, &list),
      EPLB_ERR_SHAPE, text);
  CU_ASSERT_EQUAL(list.count, 0);
  eplb_transfers_free(&list);
  eplb_placement_destroy(&full);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_placement_destroy(&good);
  eplb_deriver_destroy(&deriver);
  eplb_topology_destroy(&t);
}

/* As where ranks were lost: nobody has expert 3 of layer 1 any more, and the inverse says so. */
static void lose_an_expert(eplb_placement_t *before, eplb_placement_t *after) {
  for (int s = 0; s < 8; s++) {
    before->physical_to_logical[8 + s] = s % 4 == 3 ? EPLB_EMPTY : s % 4;
    after->physical_to_logical[8 + s] = (s + 1) % 4;
  }
  before->logical_replica_count[4 + 3] = 0;
  before->replica_begin[5 + 4] = before->replica_begin[5 + 3];
  CU_ASSERT_EQUAL(eplb_placement_index(after), EPLB_SUCCESS);
}

static void an_expert_that_nobody_holds_is_named(void) {
  refuse(1, lose_an_expert, "layer 1: expert 3");
}

/* Rows come without an inverse, so nothing else has looked at their numbers. */
static void experts_out_of_range_are_named(void) {
  static const int32_t good[4] = {0, 1, 2, 2}, high[4] = {0, 1, 2, 3}, low[4] = {0, -2, 1, 2};
  eplb_topology_t *t = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 3, &deriver), EPLB_SUCCESS);
  TAP_FAILS(eplb_derive_layer(deriver, high, good, 5, 1, &list), EPLB_ERR_SHAPE,
            "layer 5: slot 3 holds expert 3 before");
  TAP_FAILS(eplb_derive_layer(deriver, good, low, 5, 1, &list), EPLB_ERR_SHAPE,
            "layer 5: slot 1 holds expert -2 after");
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_topology_destroy(&t);
}

static void a_deriver_needs_a_slot_for_every_expert(void) {
  eplb_topology_t *t = NULL;
  eplb_deriver_t *deriver = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 3, &t), EPLB_SUCCESS);
  TAP_FAILS(eplb_deriver_create(t, 7, &deriver), EPLB_ERR_SHAPE, "7");
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "6"));
  TAP_FAILS(eplb_deriver_create(t, 0, &deriver), EPLB_ERR_SHAPE, "0 experts");
  CU_ASSERT_PTR_NULL(deriver);
  eplb_topology_destroy(&t);
}

static uint64_t add_to_digest(uint64_t digest, const eplb_transfers_t *list) {
  for (int64_t i = 0; i < list->count; i++) {
    const eplb_transfer_t *x = &list->transfer[i];
    const int32_t value[] = {x->layer,   x->expert, x->from_device, x->from_slot, x->to_device,
                             x->to_slot, x->link,   x->stage,       x->level};
    for (size_t k = 0; k < sizeof value / sizeof *value; k++)
      digest = (digest ^ (uint32_t)value[k]) * UINT64_C(0x100000001b3);
  }
  return digest;
}

static uint64_t digest;

/* With one expert in many slots, so that more could send than are compared, or with many experts. */
static void add_random_lists(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, rng_between(rng, 1, slots));
  eplb_placement_t *before = random_placement(rng, LAYERS, experts, slots, rng_between(rng, 0, 30));
  eplb_placement_t *after = random_successor(rng, before, rng_between(rng, 0, 100));
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, experts, &deriver), EPLB_SUCCESS);
  for (int l = 0; l < LAYERS; l++) {
    CU_ASSERT_EQUAL(
        eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 7 + l, &list),
        EPLB_SUCCESS);
    digest = add_to_digest(digest, &list);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

/* Ranks of a job that were built at different times must derive the same lists. */
static void lists_are_as_they_were(void) {
  digest = UINT64_C(0xcbf29ce484222325);
  shapes_try(2000, 11, add_random_lists);
  CU_ASSERT_EQUAL(digest, UINT64_C(0x74e9fc3c32f3e206));
}

static void nothing_can_be_freed(void) {
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  eplb_deriver_destroy(&deriver);
  eplb_deriver_destroy(NULL);
  eplb_transfers_free(&list);
  eplb_transfers_free(&list);
  CU_ASSERT(list.count == 0 && list.capacity == 0 && !list.transfer);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"the slots end up as placed", the_slots_end_up_as_placed},
      {"what is near is taken from there", what_is_near_is_taken_from_there},
      {"each expert enters a domain once", each_expert_enters_a_domain_once},
      {"the same calls give the same lists", the_same_calls_give_the_same_lists},
      {"an expert that nobody holds is named", an_expert_that_nobody_holds_is_named},
      {"experts out of range are named", experts_out_of_range_are_named},
      {"a deriver needs a slot for every expert", a_deriver_needs_a_slot_for_every_expert},
      {"lists are as they were", lists_are_as_they_were},
      {"nothing can be freed", nothing_can_be_freed},
      {NULL, NULL}};
  return tap_run("transfer", tests);
}
