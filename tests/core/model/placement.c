#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/placement.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A placement of random sizes, some of its slots empty. */
static eplb_placement_t *any_placement(rng_t *rng) {
  int slots = rng_between(rng, 1, 60);
  return random_placement(rng, rng_between(rng, 1, 4), rng_between(rng, 1, slots), slots, rng_between(rng, 0, 60));
}

static const int32_t *row_of(const eplb_placement_t *p, int layer) {
  return p->physical_to_logical + layer * p->num_slots;
}

static int replicas(const eplb_placement_t *p, int layer, int expert) {
  int count = 0;
  for (int s = 0; s < p->num_slots; s++)
    count += row_of(p, layer)[s] == expert;
  return count;
}

static void refuse_create(int layers, int experts, int slots, eplb_status_t status, const char *text) {
  eplb_placement_t *p = NULL;
  TAP_FAILS(eplb_placement_create(layers, experts, slots, &p), status, text);
  TAP_FAILS(eplb_placement_create_linear(layers, experts, slots, &p), status, text);
  CU_ASSERT_PTR_NULL(p);
}

static void create_refuses_sizes_that_hold_nothing(void) {
  refuse_create(0, 4, 8, EPLB_ERR_ARGUMENT, "0 layers");
  refuse_create(-2, 4, 8, EPLB_ERR_ARGUMENT, "-2 layers");
  refuse_create(3, 0, 8, EPLB_ERR_ARGUMENT, "0 experts");
  refuse_create(3, -5, 8, EPLB_ERR_ARGUMENT, "-5 experts");
  refuse_create(3, 4, 0, EPLB_ERR_ARGUMENT, "0 slots");
  refuse_create(3, 4, -1, EPLB_ERR_ARGUMENT, "-1 slots");
  refuse_create(3, 9, 8, EPLB_ERR_SHAPE, "8 slots");
}

static void a_new_placement_is_empty_and_not_valid(void) {
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(2, 3, 5, &p), EPLB_SUCCESS);
  CU_ASSERT(p->num_layers == 2 && p->num_experts == 3 && p->num_slots == 5);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_EQUAL(p->physical_to_logical[i], EPLB_EMPTY);
  TAP_FAILS(eplb_placement_validate(p), EPLB_ERR_FORMAT, "layer 0");
  TAP_FAILS(eplb_placement_index(p), EPLB_ERR_FORMAT, "expert 0");
  eplb_placement_destroy(&p);
  CU_ASSERT_PTR_NULL(p);
  eplb_placement_destroy(&p);
  eplb_placement_destroy(NULL);
}

static void check_linear(rng_t *rng) {
  int layers = rng_between(rng, 1, 4), slots = rng_between(rng, 1, 60), experts = rng_between(rng, 1, slots);
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(layers, experts, slots, &p), EPLB_SUCCESS);
  for (int i = 0; i < layers * slots; i++)
    CU_ASSERT_EQUAL(p->physical_to_logical[i], i % slots % experts);
  CU_ASSERT_EQUAL(eplb_placement_validate(p), EPLB_SUCCESS);
  eplb_placement_destroy(&p);
}

static void linear_holds_slot_modulo_experts(void) {
  shapes_try(1000, 1, check_linear);
}

static void check_inverse(rng_t *rng) {
  eplb_placement_t *p = any_placement(rng);
  for (int l = 0; l < p->num_layers; l++) {
    const int32_t *begin = p->replica_begin + l * (p->num_experts + 1), *slot = p->replica_slot + l * p->num_slots;
    int at = 0;
    for (int e = 0; e < p->num_experts; e++) {
      CU_ASSERT_EQUAL(begin[e], at);
      CU_ASSERT_EQUAL(p->logical_replica_count[l * p->num_experts + e], replicas(p, l, e));
      for (int s = 0; s < p->num_slots; s++)
        if (row_of(p, l)[s] == e)
          CU_ASSERT_EQUAL(slot[at++], s);
    }
    CU_ASSERT_EQUAL(begin[p->num_experts], at);
  }
  CU_ASSERT_EQUAL(eplb_placement_validate(p), EPLB_SUCCESS);
  eplb_placement_destroy(&p);
}

static void the_inverse_lists_replicas_in_slot_order(void) {
  shapes_try(2000, 2, check_inverse);
}

static void check_index_refuses(rng_t *rng) {
  static const int32_t wrong[] = {-2, INT_MAX, INT_MIN};
  eplb_placement_t *p = any_placement(rng);
  char text[64];
  int layer = rng_between(rng, 0, p->num_layers - 1), slot = rng_between(rng, 0, p->num_slots - 1);
  int32_t *at = &p->physical_to_logical[layer * p->num_slots + slot], held = *at, kind = rng_between(rng, 0, 3);
  *at = kind < 3 ? wrong[kind] : p->num_experts;
  snprintf(text, sizeof text, "layer %d, slot %d: expert %d;", layer, slot, *at);
  TAP_FAILS(eplb_placement_index(p), EPLB_ERR_FORMAT, text);
  TAP_FAILS(eplb_placement_index_layer(p, layer), EPLB_ERR_FORMAT, text);
  TAP_FAILS(eplb_placement_validate(p), EPLB_ERR_FORMAT, text);

  *at = held;
  int expert = rng_between(rng, 0, p->num_experts - 1);
  for (int s = 0; s < p->num_slots; s++)
    if (row_of(p, layer)[s] == expert)
      p->physical_to_logical[layer * p->num_slots + s] = EPLB_EMPTY;
  snprintf(text, sizeof text, "layer %d: expert %d ", layer, expert);
  TAP_FAILS(eplb_placement_index_layer(p, layer), EPLB_ERR_FORMAT, text);
  eplb_placement_destroy(&p);
}

static void index_names_the_slot_or_the_expert_that_is_wrong(void) {
  shapes_try(1000, 3, check_index_refuses);
}

/* Puts another number, near or absurd, into one place of one of the four arrays. */
static int spoil(rng_t *rng, eplb_placement_t *p) {
  int layer = rng_between(rng, 0, p->num_layers - 1), used = p->replica_begin[(layer + 1) * (p->num_experts + 1) - 1];
  struct {
    int32_t *array;
    int width, spoilt;
  } part[] = {{p->physical_to_logical, p->num_slots, p->num_slots},
              {p->logical_replica_count, p->num_experts, p->num_experts},
              {p->replica_begin, p->num_experts + 1, p->num_experts + 1},
              {p->replica_slot, p->num_slots, used}};
  int which = rng_between(rng, 0, 3), i = rng_between(rng, 0, part[which].spoilt - 1);
  int32_t *at = &part[which].array[layer * part[which].width + i], was = *at;
  const int32_t wrong[] = {was + 1, was - 1, INT_MAX, INT_MIN, -1, rng_between(rng, 0, p->num_slots)};
  do
    *at = wrong[rng_between(rng, 0, 5)];
  while (*at == was);
  return layer;
}

static void check_spoilt(rng_t *rng) {
  eplb_placement_t *p = any_placement(rng);
  char text[64];
  snprintf(text, sizeof text, "layer %d", spoil(rng, p));
  TAP_FAILS(eplb_placement_validate(p), EPLB_ERR_FORMAT, text);
  eplb_placement_destroy(&p);
}

static void validate_finds_any_one_wrong_number(void) {
  shapes_try(20000, 4, check_spoilt);
}

static void check_padded(rng_t *rng) {
  eplb_placement_t *p = any_placement(rng);
  int most = eplb_placement_max_replicas(p), width = most + rng_between(rng, 0, 2), expected = 0;
  size_t size = (size_t)(p->num_layers * p->num_experts * width) * sizeof(int32_t);
  int32_t *map = malloc(size), *untouched = malloc(size);
  memset(map, 0x55, size), memset(untouched, 0x55, size);
  TAP_FAILS(eplb_placement_logical_to_physical(p, most - 1, map), EPLB_ERR_SHAPE, "has");
  CU_ASSERT(!memcmp(map, untouched, size));
  CU_ASSERT_EQUAL(eplb_placement_logical_to_physical(p, width, map), EPLB_SUCCESS);
  for (int i = 0; i < p->num_layers * p->num_experts; i++) {
    int l = i / p->num_experts, k = 0;
    for (int s = 0; s < p->num_slots; s++)
      if (row_of(p, l)[s] == i % p->num_experts)
        CU_ASSERT_EQUAL(map[i * width + k++], s);
    expected = k > expected ? k : expected;
    for (; k < width; k++)
      CU_ASSERT_EQUAL(map[i * width + k], EPLB_EMPTY);
  }
  CU_ASSERT_EQUAL(most, expected);
  free(untouched);
  free(map);
  eplb_placement_destroy(&p);
}

static void the_padded_inverse_has_replicas_then_empty(void) {
  shapes_try(1000, 5, check_padded);
}

/* Whether the wide table holds the numbers of the narrow one. */
static int same_numbers(const int64_t *wide, const int32_t *narrow, int count) {
  for (int i = 0; i < count; i++)
    if (wide[i] != narrow[i])
      return 0;
  return 1;
}

static void check_tables(rng_t *rng) {
  eplb_placement_t *p = any_placement(rng);
  int width = eplb_placement_max_replicas(p) + rng_between(rng, 0, 3), most = eplb_placement_max_replicas(p);
  int slots = p->num_layers * p->num_slots, experts = p->num_layers * p->num_experts;
  int32_t *inverse = malloc((size_t)(experts * width) * sizeof *inverse);
  int64_t *table = malloc((size_t)(slots + experts + experts * width) * sizeof *table);
  CU_ASSERT_FATAL(inverse && table);
  int64_t *physical = table, *count = table + slots, *logical = table + slots + experts;
  for (int i = 0; i < slots + experts + experts * width; i++)
    table[i] = -77;
  TAP_FAILS(eplb_placement_tables(p, most - 1, physical, logical, count), EPLB_ERR_SHAPE, "has");
  CU_ASSERT(physical[0] == -77 && count[0] == -77 && logical[0] == -77);
  CU_ASSERT_EQUAL(eplb_placement_logical_to_physical(p, width, inverse), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_tables(p, width, NULL, logical, NULL), EPLB_SUCCESS);
  CU_ASSERT(physical[0] == -77 && count[0] == -77 && same_numbers(logical, inverse, experts * width));
  CU_ASSERT_EQUAL(eplb_placement_tables(p, 0, physical, NULL, count), EPLB_SUCCESS);
  CU_ASSERT(same_numbers(physical, p->physical_to_logical, slots));
  CU_ASSERT(same_numbers(count, p->logical_replica_count, experts));
  free(inverse);
  free(table);
  eplb_placement_destroy(&p);
}

static void the_tables_are_the_maps_as_int64(void) {
  shapes_try(500, 7, check_tables);
  TAP_FAILS(eplb_placement_tables(NULL, 1, NULL, NULL, NULL), EPLB_ERR_ARGUMENT, "placement is NULL");
}

static void check_copy(rng_t *rng) {
  eplb_placement_t *p = any_placement(rng), *copy = NULL, *second = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(p, &copy), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(p, &second), EPLB_SUCCESS);
  CU_ASSERT(same_placement(p, copy));
  spoil(rng, p);
  CU_ASSERT(same_placement(copy, second) && !same_placement(p, copy));
  eplb_placement_destroy(&p);
  CU_ASSERT_EQUAL(eplb_placement_validate(copy), EPLB_SUCCESS);
  eplb_placement_destroy(&copy);
  eplb_placement_destroy(&second);
}

static void a_copy_shares_nothing_with_the_original(void) {
  shapes_try(500, 6, check_copy);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"create refuses sizes that hold nothing", create_refuses_sizes_that_hold_nothing},
      {"a new placement is empty and not valid", a_new_placement_is_empty_and_not_valid},
      {"linear holds slot modulo experts", linear_holds_slot_modulo_experts},
      {"the inverse lists replicas in slot order", the_inverse_lists_replicas_in_slot_order},
      {"index names the slot or the expert that is wrong", index_names_the_slot_or_the_expert_that_is_wrong},
      {"validate finds any one wrong number", validate_finds_any_one_wrong_number},
      {"the padded inverse has replicas, then empty", the_padded_inverse_has_replicas_then_empty},
      {"the tables are the maps as int64", the_tables_are_the_maps_as_int64},
      {"a copy shares nothing with the original", a_copy_shares_nothing_with_the_original},
      {NULL, NULL}};
  return tap_run("placement", tests);
}
