#include "core/transfer/changed_slots.h"
#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <stdlib.h>

/* All layers' changes; the caller frees the list. */
static int32_t *list_changes(const eplb_placement_t *before, const eplb_placement_t *after, size_t *length) {
  int32_t *list = calloc(eplb_changed_slots_room(before), sizeof *list);
  CU_ASSERT_PTR_NOT_NULL_FATAL(list);
  *length = 0;
  for (int l = 0; l < before->num_layers; l++)
    *length = eplb_changed_slots_add(before, after, l, list, *length);
  CU_ASSERT(*length <= eplb_changed_slots_room(before));
  return list;
}

static int count_changed(const eplb_placement_t *before, const eplb_placement_t *after, int layer) {
  int changed = 0;
  for (int s = 0; s < before->num_slots; s++)
    changed += eplb_placement_row(before, layer)[s] != eplb_placement_row(after, layer)[s];
  return changed;
}

static void check_random_changes(rng_t *rng) {
  int experts = rng_between(rng, 1, 20), slots = experts + rng_between(rng, 0, 20), layers = rng_between(rng, 1, 5);
  eplb_placement_t *before = random_placement(rng, layers, experts, slots, rng_between(rng, 0, 20)), *taken = NULL;
  eplb_placement_t *after = random_successor(rng, before, rng_between(rng, 0, 3) * rng_between(rng, 0, 30));
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(after), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(before, &taken), EPLB_SUCCESS);
  size_t length, shortest = 0;
  int32_t *list = list_changes(before, after, &length);
  for (int l = 0; l < layers; l++) {
    int changed = count_changed(before, after, l);
    if (changed)
      shortest += 2 + (size_t)(2 * changed < slots ? 2 * changed : slots);
  }
  CU_ASSERT_EQUAL(length, shortest);
  CU_ASSERT_EQUAL(eplb_changed_slots_take(list, length, taken), EPLB_SUCCESS);
  CU_ASSERT(same_placement(taken, after));
  free(list);
  eplb_placement_destroy(&taken);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

static void changes_make_the_placement_they_were_made_of(void) {
  shapes_try(3000, 1, check_random_changes);
}

/* 58 layers of 288 slots in which 10 slots change, and as many that do not. */
static void few_changes_are_short(void) {
  eplb_placement_t *before, *after;
  size_t length;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(116, 256, 288, &before), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(before, &after), EPLB_SUCCESS);
  for (int l = 0; l < 116; l += 2)
    for (int s = 0; s < 10; s++)
      eplb_placement_row(after, l)[256 + 3 * s] = 100 + s;
  int32_t *list = list_changes(before, after, &length);
  CU_ASSERT_EQUAL(length * sizeof *list, 58 * (2 + 20) * 4); /* 5,104 bytes; all rows have 133,632 */
  free(list);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

static void check_refused(const int32_t *list, size_t length, const char *sentence) {
  eplb_placement_t *p;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(2, 3, 5, &p), EPLB_SUCCESS);
  TAP_FAILS(eplb_changed_slots_take(list, length, p), EPLB_ERR_FORMAT, sentence);
  eplb_placement_destroy(&p);
}

#define REFUSED(sentence, ...)                                                                                         \
  check_refused((const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t), sentence)

static void wrong_lists_are_refused(void) {
  REFUSED("number 0 of 1", 0);
  REFUSED("number 0 of 2", 2, 0);
  REFUSED("number 0 of 2", -1, 0);
  REFUSED("number 0 of 2", 0, -2);
  REFUSED("number 0 of 2", 0, 6);
  REFUSED("number 0 of 3", 0, 1, 4);
  REFUSED("number 0 of 6", 0, -1, 0, 1, 2, 0);
  REFUSED("number 4 of 8", 1, 1, 4, 0, 1, 1, 4, 0);
  REFUSED("slot 5 changes after slot -1; expected 0 to 4", 0, 1, 5, 0);
  REFUSED("slot 4 changes after slot 4; expected 5 to 4", 0, 2, 4, 0, 4, 0);
  REFUSED("layer 0, slot 4: expert 3; expected 0 to 2", 0, 1, 4, 3);
  REFUSED("layer 1: expert 2 has no slot", 1, 1, 2, 0);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"changes make the placement that they were made of", changes_make_the_placement_they_were_made_of},
      {"few changes are short", few_changes_are_short},
      {"wrong lists are refused", wrong_lists_are_refused},
      {NULL, NULL}};
  return tap_run("changed slots", tests);
}
