#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <math.h>
#include <string.h>

/* Eight experts in four groups on two nodes of two devices of three slots; each test spoils something. */
typedef struct request {
  eplb_plan_options_t options;
  int nodes, devices, layers, experts;
  int slots[4], node[4];
  double speed[4], load[2 * 16];
} request_t;

static request_t good_request(void) {
  request_t good = {.nodes = 2, .devices = 4, .layers = 2, .experts = 8};
  eplb_plan_options_init(&good.options);
  good.options.planner = EPLB_PLANNER_DEEPSEEK;
  good.options.num_groups = 4;
  good.options.policy = EPLB_POLICY_HIERARCHICAL;
  for (int d = 0; d < 4; d++) {
    good.slots[d] = 3;
    good.node[d] = d / 2;
    good.speed[d] = 1;
  }
  for (int i = 0; i < 2 * 16; i++)
    good.load[i] = 1 + i % 5;
  return good;
}

/* The sentence names both numbers. */
static void refuse(const request_t *r, eplb_status_t status, const char *one, const char *other) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 4,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = r->node,
                                                                            .slots = r->slots,
                                                                            .speed = r->speed,
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  TAP_FAILS(plan_window(&r->options, t, eplb_windows_single(r->layers, r->experts, r->load), NULL, &p), status, one);
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), other));
  CU_ASSERT_PTR_NULL(p);
  eplb_topology_destroy(&t);
}

static void the_reference_refuses_shapes_that_do_not_divide(void) {
  request_t r = good_request();
  r.options.num_groups = 3, refuse(&r, EPLB_ERR_SHAPE, "8 experts", "3 groups");
  r = good_request(), r.experts = 9, r.options.num_groups = 3, refuse(&r, EPLB_ERR_SHAPE, "3", "2 nodes");
  r = good_request(), r.node[1] = 1, refuse(&r, EPLB_ERR_SHAPE, "node", "devices");
  r = good_request(), r.slots[2] = 4, refuse(&r, EPLB_ERR_SHAPE, "4 slots", "3");
  r.options.policy = EPLB_POLICY_GLOBAL, refuse(&r, EPLB_ERR_SHAPE, "4 slots", "3");
  r.options.policy = EPLB_POLICY_AUTO, refuse(&r, EPLB_ERR_SHAPE, "4 slots", "3");
}

static void too_few_slots_and_too_many_groups_are_refused(void) {
  for (eplb_policy_t policy = EPLB_POLICY_AUTO; policy <= EPLB_POLICY_GLOBAL; policy++) {
    request_t r = good_request();
    r.options.policy = policy;
    r.experts = 13, r.options.num_groups = 1, refuse(&r, EPLB_ERR_SHAPE, "12", "13");
    r.experts = 8, r.options.num_groups = 10, refuse(&r, EPLB_ERR_SHAPE, "10", "8");
  }
}

static void the_reference_knows_no_speeds(void) {
  request_t r = good_request();
  for (int d = 0; d < 4; d++)
    r.speed[d] = 2; /* equal ones are fine */
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 4,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = r.node,
                                                                            .slots = r.slots,
                                                                            .speed = r.speed,
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT_EQUAL(plan_window(&r.options, t, eplb_windows_single(r.layers, r.experts, r.load), NULL, &p), EPLB_SUCCESS);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
  r.speed[3] = 1.5, refuse(&r, EPLB_ERR_UNSUPPORTED, "device 3", "1.5");
}

static void loads_that_are_no_loads_are_refused(void) {
  const double wrong[] = {NAN, INFINITY, -INFINITY, -1, -0x1p-60, 0x1p63};
  for (int i = 0; i < 6; i++) {
    request_t r = good_request();
    r.load[8 + 5] = wrong[i];
    refuse(&r, EPLB_ERR_LOADS, "layer 1", "expert 5");
  }
}

static void arguments_that_no_call_accepts_are_refused(void) {
  request_t r = good_request();
  r.options.planner = (eplb_planner_t)77, refuse(&r, EPLB_ERR_ARGUMENT, "planner", "77");
  r = good_request(), r.options.policy = (eplb_policy_t)78, refuse(&r, EPLB_ERR_ARGUMENT, "policy", "78");
  r = good_request(), r.options.num_groups = 0, refuse(&r, EPLB_ERR_ARGUMENT, "groups", "0");
  r = good_request(), r.options.num_groups = -4, refuse(&r, EPLB_ERR_ARGUMENT, "groups", "-4");
  r = good_request(), r.options.size = 0, refuse(&r, EPLB_ERR_ARGUMENT, "options", "0");
  r = good_request(), r.layers = 0, refuse(&r, EPLB_ERR_ARGUMENT, "layers", "0");
  r = good_request(), r.experts = -8, refuse(&r, EPLB_ERR_ARGUMENT, "experts", "-8");
}

static void the_largest_and_smallest_loads_can_be_planned(void) {
  request_t r = good_request();
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 3, &t), EPLB_SUCCESS);
  for (int i = 0; i < 16; i++)
    r.load[i] = i % 3 == 0 ? nextafter(0x1p63, 0) : i % 3 == 1 ? 0x1p-1074 : 0;
  CU_ASSERT_EQUAL_FATAL(plan_window(&r.options, t, eplb_windows_single(2, 8, r.load), NULL, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_placement_validate(p), EPLB_SUCCESS);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"the reference refuses shapes that do not divide", the_reference_refuses_shapes_that_do_not_divide},
      {"too few slots and too many groups are refused", too_few_slots_and_too_many_groups_are_refused},
      {"the reference knows no speeds", the_reference_knows_no_speeds},
      {"loads that are no loads are refused", loads_that_are_no_loads_are_refused},
      {"arguments that no call accepts are refused", arguments_that_no_call_accepts_are_refused},
      {"the largest and smallest loads can be planned", the_largest_and_smallest_loads_can_be_planned},
      {NULL, NULL}};
  return tap_run("planner refusals", tests);
}
