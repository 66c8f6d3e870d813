#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/placement.h>
#include <string.h>

/* How many slots in [first, last) hold `expert`. */
static int holds(const int32_t *row, int first, int last, int expert) {
  int count = 0;
  for (int s = first; s < last; s++)
    count += row[s] == expert;
  return count;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

/* The same experts on the device as planned, and as many of them where they were as both placements allow. */
static void check_device(const int32_t *before, const int32_t *planned, const int32_t *kept, int first, int last,
                         int num_experts) {
  for (int e = EPLB_EMPTY; e < num_experts; e++) {
    int wanted = holds(planned, first, last, e), stayed = 0;
    CU_ASSERT_EQUAL(holds(kept, first, last, e), wanted);
    for (int s = first; s < last; s++)
      stayed += kept[s] == e && before[s] == e;
    if (e != EPLB_EMPTY)
      CU_ASSERT_EQUAL(stayed, least(wanted, holds(before, first, last, e)));
  }
}

static void check_kept(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots), layers = rng_between(rng, 1, 3);
  eplb_placement_t *before = random_placement(rng, layers, experts, slots, rng_between(rng, 0, 30));
  eplb_placement_t *planned = rng_between(rng, 0, 1) ? random_placement(rng, layers, experts, slots, 20)
                                                     : random_successor(rng, before, rng_between(rng, 0, 60));
  eplb_placement_t *kept = NULL, *indexed = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(planned, &kept), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_keep_slots(t, before, kept), EPLB_SUCCESS);
  for (int l = 0; l < layers; l++)
    for (int d = 0; d < t->num_devices; d++)
      check_device(before->physical_to_logical + l * slots, planned->physical_to_logical + l * slots,
                   kept->physical_to_logical + l * slots, t->slot_begin[d], t->slot_begin[d + 1], experts);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(kept, &indexed), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_index(indexed), EPLB_SUCCESS);
  CU_ASSERT(same_placement(indexed, kept)); /* the inverse was made anew, in slot order */
  eplb_placement_destroy(&indexed);
  eplb_placement_destroy(&kept);
  eplb_placement_destroy(&planned);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

static void experts_that_stay_on_a_device_keep_their_slot(void) {
  shapes_try(3000, 1, check_kept);
}

/* The case that matters most: only the order of slots within each device differs. */
static void check_restored(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots);
  eplb_placement_t *before = random_placement(rng, 2, experts, slots, 0), *shuffled = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(before, &shuffled), EPLB_SUCCESS);
  for (int l = 0; l < 2; l++)
    for (int d = 0; d < t->num_devices; d++)
      rng_shuffle(rng, t->slot_begin[d + 1] - t->slot_begin[d],
                  shuffled->physical_to_logical + l * slots + t->slot_begin[d]);
  CU_ASSERT_EQUAL(eplb_placement_index(shuffled), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_keep_slots(t, before, shuffled), EPLB_SUCCESS);
  CU_ASSERT(same_placement(before, shuffled));
  eplb_placement_destroy(&shuffled);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

static void a_mere_reordering_is_undone(void) {
  shapes_try(1000, 2, check_restored);
}

static void refuse(const eplb_topology_t *t, int layers, int experts, int slots, const char *text) {
  eplb_placement_t *before = NULL, *after = NULL, *copy = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(2, 4, 8, &before), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(layers, experts, slots, &after), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(after, &copy), EPLB_SUCCESS);
  TAP_FAILS(eplb_placement_keep_slots(t, before, after), EPLB_ERR_SHAPE, text);
  CU_ASSERT(same_placement(after, copy));
  eplb_placement_destroy(&copy);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
}

static void sizes_that_differ_are_refused(void) {
  eplb_topology_t *eight = NULL, *ten = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 4, 2, &eight), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 5, 2, &ten), EPLB_SUCCESS);
  refuse(eight, 3, 4, 8, "3");
  refuse(eight, 2, 5, 8, "5");
  refuse(eight, 2, 4, 9, "9");
  refuse(ten, 2, 4, 8, "10");
  eplb_topology_destroy(&ten);
  eplb_topology_destroy(&eight);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"experts that stay on a device keep their slot", experts_that_stay_on_a_device_keep_their_slot},
      {"a mere reordering is undone", a_mere_reordering_is_undone},
      {"sizes that differ are refused", sizes_that_differ_are_refused},
      {NULL, NULL}};
  return tap_run("align slots", tests);
}
