/* A placement goes on with other devices. */
#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/placement.h>
#include <eplb/transfer.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS = 3000 };

/* Which old device each new one was: some lost, some new, in any order. */
static void random_survivors(rng_t *rng, int num_old, int num_new, int *old_device) {
  int order[SHAPE_MAX_DEVICES], lose = rng_between(rng, 0, num_old);
  for (int d = 0; d < num_old; d++)
    order[d] = d < lose ? -1 : d;
  rng_shuffle(rng, num_old, order);
  for (int d = 0; d < num_new; d++)
    old_device[d] = d < num_old ? order[d] : -1;
}

/* What a device brought along stays, unless a lost expert needed its slot; all that is listed was nowhere, and nothing
 * else was. */
static void check_layer(const eplb_topology_t *old, const eplb_placement_t *before, const eplb_topology_t *new,
                        const int *old_device, const eplb_placement_t *after, const eplb_lost_t *lost, int num_lost,
                        int layer) {
  int *was_carried = calloc((size_t)before->num_experts, sizeof *was_carried);
  int *listed = calloc((size_t)after->num_slots, sizeof *listed);
  for (int i = 0; i < num_lost; i++)
    if (lost[i].layer == layer) {
      listed[lost[i].slot]++;
      CU_ASSERT_EQUAL(after->physical_to_logical[layer * after->num_slots + lost[i].slot], lost[i].expert);
    }
  for (int d = 0; d < new->num_devices; d++)
    for (int s = new->slot_begin[d]; s < new->slot_begin[d + 1]; s++) {
      int was = old_device[d], number = s - new->slot_begin[d], expert = EPLB_EMPTY;
      if (was >= 0 && number < old->slot_begin[was + 1] - old->slot_begin[was])
        expert = before->physical_to_logical[layer * before->num_slots + old->slot_begin[was] + number];
      if (expert != EPLB_EMPTY)
        was_carried[expert] = 1;
      CU_ASSERT(listed[s] <= 1);
      CU_ASSERT(listed[s] || after->physical_to_logical[layer * after->num_slots + s] == expert);
    }
  for (int i = 0; i < num_lost; i++)
    CU_ASSERT(lost[i].layer != layer || !was_carried[lost[i].expert]);
  free(was_carried);
  free(listed);
}

static void check_carried(rng_t *rng) {
  eplb_topology_t *old = random_topology(rng, SHAPE_ANY), *new = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(old), room = eplb_topology_num_slots(new), layers = rng_between(rng, 1, 3);
  int experts = rng_between(rng, 1, slots), old_device[SHAPE_MAX_DEVICES];
  eplb_placement_t *before = random_placement(rng, layers, experts, slots, rng_between(rng, 0, 40)), *after = NULL;
  eplb_losses_t losses = {.count = -1};
  random_survivors(rng, old->num_devices, new->num_devices, old_device);
  eplb_status_t status = eplb_placement_carry(old, before, new, old_device, &after, &losses);
  CU_ASSERT_EQUAL(status, room < experts ? EPLB_ERR_SHAPE : EPLB_SUCCESS);
  if (!status) {
    CU_ASSERT_EQUAL(eplb_placement_validate(after), EPLB_SUCCESS);
    for (int l = 0; l < layers; l++)
      check_layer(old, before, new, old_device, after, losses.lost, losses.count, l);
  } else {
    CU_ASSERT(after == NULL && losses.lost == NULL && losses.count == -1);
  }
  eplb_losses_free(&losses);
  eplb_placement_destroy(&before);
  eplb_placement_destroy(&after);
  eplb_topology_destroy(&old);
  eplb_topology_destroy(&new);
}

static void survivors_keep_theirs(void) {
  shapes_try(TRIALS, 77, check_carried);
}

static void wrong_devices(void) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *before = NULL, *after = NULL;
  eplb_losses_t losses = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 3, 2, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 5, 6, &before), EPLB_SUCCESS);
  TAP_FAILS(eplb_placement_carry(t, before, t, (int[]){0, 1, 3}, &after, &losses), EPLB_ERR_ARGUMENT,
            "device 2 was device 3 before; expected -1 to 2");
  TAP_FAILS(eplb_placement_carry(t, before, t, (int[]){0, 1, 1}, &after, &losses), EPLB_ERR_ARGUMENT,
            "devices 1 and 2 both were device 1");
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

/* Drained slots are empty, others change only for experts that would be nowhere; every transfer has a source; without
 * the drained devices nothing is lost then. */
static void check_drained(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots), drained[SHAPE_MAX_DEVICES], left = 0;
  int same[SHAPE_MAX_DEVICES];
  for (int d = 0; d < t->num_devices; d++) {
    drained[d] = rng_between(rng, 0, 2) == 0;
    same[d] = drained[d] ? -1 : d;
    left += drained[d] ? 0 : t->slot_begin[d + 1] - t->slot_begin[d];
  }
  eplb_placement_t *before = random_placement(rng, 2, experts, slots, rng_between(rng, 0, 40)), *after = NULL;
  eplb_status_t status = eplb_placement_drain(t, before, drained, &after);
  CU_ASSERT_EQUAL(status, left < experts ? EPLB_ERR_SHAPE : EPLB_SUCCESS);
  if (!status) {
    eplb_deriver_t *deriver = NULL;
    eplb_transfers_t transfers = {0};
    eplb_placement_t *rest = NULL;
    eplb_losses_t losses = {.count = -1};
    CU_ASSERT_EQUAL(eplb_placement_validate(after), EPLB_SUCCESS);
    for (int l = 0; l < 2; l++)
      for (int s = 0; s < slots; s++)
        CU_ASSERT(!drained[eplb_topology_device_of_slot(t, s)] ||
                  after->physical_to_logical[l * slots + s] == EPLB_EMPTY);
    CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, experts, &deriver), EPLB_SUCCESS);
    for (int l = 0; l < 2; l++)
      CU_ASSERT_EQUAL(
          eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 1, &transfers),
          EPLB_SUCCESS);
    CU_ASSERT_EQUAL(eplb_placement_carry(t, after, t, same, &rest, &losses), EPLB_SUCCESS);
    CU_ASSERT_EQUAL(losses.count, 0);
    eplb_losses_free(&losses);
    eplb_placement_destroy(&rest);
    eplb_transfers_free(&transfers);
    eplb_deriver_destroy(&deriver);
  }
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

static void drained_devices_are_sources(void) {
  shapes_try(TRIALS, 22, check_drained);
}

/* NULL for each argument in turn, and a placement with an expert that does not exist. */
static void what_is_missing_or_invalid_is_named(void) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL, *after = NULL;
  eplb_losses_t losses = {.count = -1};
  const int old[2] = {0, 1}, drained[2] = {0, 0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 2, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 4, 4, &p), EPLB_SUCCESS);
  TAP_FAILS(eplb_placement_carry(NULL, p, t, old, &after, &losses), EPLB_ERR_ARGUMENT, "topology is NULL");
  TAP_FAILS(eplb_placement_carry(t, NULL, t, old, &after, &losses), EPLB_ERR_ARGUMENT, "before is NULL");
  TAP_FAILS(eplb_placement_carry(t, p, NULL, old, &after, &losses), EPLB_ERR_ARGUMENT, "new_topology is NULL");
  TAP_FAILS(eplb_placement_carry(t, p, t, NULL, &after, &losses), EPLB_ERR_ARGUMENT, "old_device is NULL");
  TAP_FAILS(eplb_placement_carry(t, p, t, old, NULL, &losses), EPLB_ERR_ARGUMENT, "after is NULL");
  TAP_FAILS(eplb_placement_carry(t, p, t, old, &after, NULL), EPLB_ERR_ARGUMENT, "losses is NULL");
  TAP_FAILS(eplb_placement_drain(NULL, p, drained, &after), EPLB_ERR_ARGUMENT, "topology is NULL");
  TAP_FAILS(eplb_placement_drain(t, NULL, drained, &after), EPLB_ERR_ARGUMENT, "before is NULL");
  TAP_FAILS(eplb_placement_drain(t, p, NULL, &after), EPLB_ERR_ARGUMENT, "drained is NULL");
  TAP_FAILS(eplb_placement_drain(t, p, drained, NULL), EPLB_ERR_ARGUMENT, "after is NULL");
  p->physical_to_logical[2] = 4;
  TAP_FAILS(eplb_placement_carry(t, p, t, old, &after, &losses), EPLB_ERR_FORMAT, "slot 2");
  TAP_FAILS(eplb_placement_drain(t, p, drained, &after), EPLB_ERR_FORMAT, "slot 2");
  CU_ASSERT(!after && losses.count == -1);
  eplb_losses_free(NULL);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {{"survivors keep their experts, others are listed", survivors_keep_theirs},
                                     {"drained devices are sources until they are empty", drained_devices_are_sources},
                                     {"wrong devices", wrong_devices},
                                     {"what is missing or invalid is named", what_is_missing_or_invalid_is_named},
                                     {NULL, NULL}};
  return tap_run("remap", tests);
}
