#include "shapes.h"
#include "tap.h"
#include <eplb/topology.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

static void check_declared(int nodes, int devices, int slots) {
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(nodes, devices, slots, &t), EPLB_SUCCESS);
  CU_ASSERT(t->num_devices == devices && t->num_levels == 1 && t->node_level == 0 && t->declared == 1);
  CU_ASSERT_STRING_EQUAL(t->level_name[0], "node");
  CU_ASSERT_EQUAL(eplb_topology_num_nodes(t), nodes);
  for (int n = 0, d = 0; n < nodes; n++)
    for (int end = d + devices / nodes + (n < devices % nodes); d < end; d++) {
      CU_ASSERT_EQUAL(eplb_topology_node(t, d), n);
      CU_ASSERT_EQUAL(t->slot_begin[d + 1], (d + 1) * slots);
      CU_ASSERT_EQUAL(t->speed[d], 1);
    }
  eplb_topology_destroy(&t);
}

static void declared_nodes_are_as_equal_as_can_be(void) {
  for (int nodes = 1; nodes <= 12; nodes++)
    for (int devices = nodes; devices <= 30; devices++)
      check_declared(nodes, devices, 1 + (nodes + devices) % 4);
}

static void refuse_declare(int nodes, int devices, int slots, const char *number) {
  eplb_topology_t *t = NULL;
  TAP_FAILS(eplb_topology_declare(nodes, devices, slots, &t), EPLB_ERR_ARGUMENT, number);
  CU_ASSERT_PTR_NULL(t);
}

static void declare_refuses_numbers_that_make_no_topology(void) {
  refuse_declare(0, 4, 2, "0 nodes");
  refuse_declare(-3, 4, 2, "-3 nodes");
  refuse_declare(1, 0, 2, "0 devices");
  refuse_declare(1, -7, 2, "-7 devices");
  refuse_declare(1, 4, 0, "0 slots");
  refuse_declare(1, 4, -9, "-9 slots");
  refuse_declare(5, 4, 2, "5 nodes");
  refuse_declare(1, 65536, 32768, "2147483648");
}

/* Same domain as given, numbered in the order in which devices first name them. */
static void check_level(const eplb_topology_t *t, const shape_t *shape, int level) {
  const int *given = shape->domain + level * shape->num_devices, *domain = t->domain + level * t->num_devices;
  int seen = 0;
  for (int d = 0; d < t->num_devices; d++) {
    int first = 0;
    while (given[first] != given[d])
      first++;
    CU_ASSERT_EQUAL(domain[d], first < d ? domain[first] : seen);
    seen += first == d;
  }
  CU_ASSERT_EQUAL(t->num_domains[level], seen);
  CU_ASSERT_STRING_EQUAL(t->level_name[level], shape->level_name[level]);
}

static void check_domains(rng_t *rng) {
  shape_t shape;
  shape_random(rng, SHAPE_ANY, &shape);
  eplb_topology_t *t = shape_topology(&shape);
  CU_ASSERT(t->num_devices == shape.num_devices && t->num_levels == shape.num_levels && t->declared == 0);
  CU_ASSERT_EQUAL(t->node_level, shape.node_level);
  for (int l = 0; l < t->num_levels; l++)
    check_level(t, &shape, l);
  eplb_topology_destroy(&t);
}

static void domains_are_numbered_by_first_device(void) {
  shapes_try(2000, 1, check_domains);
}

static void check_node_lists(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY);
  int nodes = eplb_topology_num_nodes(t), at = 0;
  CU_ASSERT_EQUAL(nodes, t->num_domains[t->node_level]);
  for (int n = 0; n < nodes; n++) {
    CU_ASSERT_EQUAL(t->node_begin[n], at);
    for (int d = 0; d < t->num_devices; d++)
      if (eplb_topology_node(t, d) == n)
        CU_ASSERT_EQUAL(t->node_device[at++], d);
  }
  CU_ASSERT(at == t->num_devices && t->node_begin[nodes] == at);
  eplb_topology_destroy(&t);
}

static void nodes_list_their_devices_in_rank_order(void) {
  shapes_try(2000, 2, check_node_lists);
}

static void check_slots(rng_t *rng) {
  shape_t shape;
  shape_random(rng, SHAPE_ANY, &shape);
  eplb_topology_t *t = shape_topology(&shape);
  int slot = 0;
  for (int d = 0; d < t->num_devices; d++) {
    CU_ASSERT_EQUAL(t->slot_begin[d], slot);
    CU_ASSERT_EQUAL(t->speed[d], shape.speed[d]);
    for (int k = 0; k < shape.slots[d]; k++)
      CU_ASSERT_EQUAL(eplb_topology_device_of_slot(t, slot++), d);
  }
  CU_ASSERT(slot == t->slot_begin[t->num_devices] && slot == eplb_topology_num_slots(t));
  eplb_topology_destroy(&t);
}

static void slots_are_numbered_through_the_devices(void) {
  shapes_try(2000, 3, check_slots);
}

static void check_copy(rng_t *rng) {
  shape_t shape;
  shape_random(rng, SHAPE_ANY, &shape);
  eplb_topology_t *t = shape_topology(&shape), *again = shape_topology(&shape), *copy = NULL;
  memset(&shape, 0x55, sizeof shape); /* what was passed in is no longer needed */
  CU_ASSERT_EQUAL_FATAL(eplb_topology_copy(t, &copy), EPLB_SUCCESS);
  CU_ASSERT(same_topology(t, copy));
  eplb_topology_destroy(&t);
  CU_ASSERT_PTR_NULL(t);
  CU_ASSERT(same_topology(again, copy));
  eplb_topology_destroy(&again);
  eplb_topology_destroy(&copy);
}

static void copies_need_neither_inputs_nor_original(void) {
  shapes_try(500, 4, check_copy);
}

static void destroy_accepts_nothing(void) {
  eplb_topology_t *t = NULL;
  eplb_topology_destroy(&t);
  eplb_topology_destroy(NULL);
  CU_ASSERT_PTR_NULL(t);
}

static void speeds_are_one_unless_given(void) {
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 2,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = (int[]){0, 0},
                                                                            .slots = (int[]){1, 2},
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT(t->speed[0] == 1 && t->speed[1] == 1 && t->declared == 1);
  eplb_topology_destroy(&t);
}

static void most_levels_and_longest_names_fit(void) {
  const char *name[EPLB_MAX_LEVELS];
  int domain[2 * EPLB_MAX_LEVELS], slots[] = {1, 1};
  eplb_topology_t *t = NULL;
  for (int l = 0; l < EPLB_MAX_LEVELS; l++) {
    name[l] = "fifteen letters";
    domain[2 * l] = 5;
    domain[2 * l + 1] = l < 4 ? 5 : INT_MAX;
  }
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 2,
                                                                            .num_levels = EPLB_MAX_LEVELS,
                                                                            .level_name = name,
                                                                            .node_level = 4,
                                                                            .domain = domain,
                                                                            .slots = slots},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT_STRING_EQUAL(t->level_name[EPLB_MAX_LEVELS - 1], "fifteen letters");
  CU_ASSERT(t->num_domains[3] == 1 && eplb_topology_num_nodes(t) == 2);
  eplb_topology_destroy(&t);
}

/* Four devices in two racks of two nodes; each test spoils one argument. */
typedef struct arguments {
  int num_devices, num_levels, node_level;
  const char *name[2];
  int domain[8], slots[4];
  double speed[4];
} arguments_t;

static const arguments_t good = {4, 2, 1, {"rack", "node"}, {0, 0, 1, 1, 7, 8, 9, 9}, {2, 2, 2, 2}, {1, 1, 1, 1}};

static void refuse(const arguments_t *a, const char *text) {
  eplb_topology_t *t = NULL;
  TAP_FAILS(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                .num_devices = a->num_devices,
                                                                .num_levels = a->num_levels,
                                                                .level_name = a->name,
                                                                .node_level = a->node_level,
                                                                .domain = a->domain,
                                                                .slots = a->slots,
                                                                .speed = a->speed},
                                 &t),
            EPLB_ERR_ARGUMENT, text);
  CU_ASSERT_PTR_NULL(t);
}

static void create_refuses_sizes_and_names(void) {
  arguments_t bad = good;
  bad.num_devices = 0, refuse(&bad, "0 devices");
  bad.num_devices = -4, refuse(&bad, "-4 devices");
  bad = good, bad.num_levels = 0, refuse(&bad, "0 levels");
  bad = good, bad.num_levels = EPLB_MAX_LEVELS + 1, refuse(&bad, "9 levels");
  bad = good, bad.node_level = -1, refuse(&bad, "node_level is -1");
  bad = good, bad.node_level = 2, refuse(&bad, "node_level is 2");
  bad = good, bad.name[1] = NULL, refuse(&bad, "level 1");
  bad = good, bad.name[0] = "sixteen letters!", refuse(&bad, "sixteen letters!");
}

static void create_refuses_slots_and_speeds(void) {
  const double speed[] = {0, -1, NAN, INFINITY, DBL_MIN, .9e-6, 1.1e6};
  arguments_t bad = good;
  bad.slots[2] = -5, refuse(&bad, "device 2 has -5 slots");
  bad = good, bad.slots[0] = INT_MAX, refuse(&bad, "2147483653");
  bad = good, memset(bad.slots, 0, sizeof bad.slots), refuse(&bad, "0 slots");
  for (size_t i = 0; i < sizeof speed / sizeof *speed; i++)
    bad = good, bad.speed[3] = speed[i], refuse(&bad, "device 3 has speed");
}

static void create_refuses_domains_that_do_not_nest(void) {
  arguments_t bad = good;
  bad.domain[5] = -2, refuse(&bad, "device 1");
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "-2"));
  bad = good, bad.domain[1] = 1, bad.domain[5] = 7, refuse(&bad, "device 1"); /* node 7 in racks 0 and 1 */
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "rack"));
}

static void create_refuses_missing_arrays(void) {
  eplb_topology_t *t = NULL;
  const arguments_t *a = &good;
  TAP_FAILS(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                .num_devices = 4,
                                                                .num_levels = 2,
                                                                .node_level = 1,
                                                                .domain = a->domain,
                                                                .slots = a->slots},
                                 &t),
            EPLB_ERR_ARGUMENT, "level_name");
  TAP_FAILS(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                .num_devices = 4,
                                                                .num_levels = 2,
                                                                .level_name = a->name,
                                                                .node_level = 1,
                                                                .slots = a->slots},
                                 &t),
            EPLB_ERR_ARGUMENT, "domain");
  TAP_FAILS(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                .num_devices = 4,
                                                                .num_levels = 2,
                                                                .level_name = a->name,
                                                                .node_level = 1,
                                                                .domain = a->domain},
                                 &t),
            EPLB_ERR_ARGUMENT, "slots");
  CU_ASSERT_PTR_NULL(t);
}

/* Two racks of two nodes each, of two devices that are not neighbours. */
static void another_level_can_be_the_node(void) {
  static const char *const names[] = {"rack", "node"};
  static const int domain[2][8] = {{0, 1, 0, 1, 0, 1, 0, 1}, {0, 1, 2, 3, 0, 1, 2, 3}},
                   slots[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  static const int by_rack[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  eplb_topology_t *t = NULL, *declared = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 8,
                                                                            .num_levels = 2,
                                                                            .level_name = names,
                                                                            .node_level = 1,
                                                                            .domain = domain[0],
                                                                            .slots = slots,
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 8,
                                                                            .num_levels = 2,
                                                                            .level_name = names,
                                                                            .domain = domain[0],
                                                                            .slots = slots,
                                                                            .declared = 1},
                                             &declared),
                        EPLB_SUCCESS);
  CU_ASSERT(eplb_topology_num_nodes(t) == 4);
  CU_ASSERT(eplb_topology_set_node_level(t, "rack") == EPLB_SUCCESS);
  CU_ASSERT(same_topology(t, declared) && eplb_topology_num_nodes(t) == 2);
  CU_ASSERT(!memcmp(t->node_device, by_rack, sizeof by_rack));
  TAP_FAILS(eplb_topology_set_node_level(t, "nvlink"), EPLB_ERR_ARGUMENT, "expected one of rack, node");
  TAP_FAILS(eplb_topology_set_node_level(t, NULL), EPLB_ERR_ARGUMENT, "level is NULL");
  CU_ASSERT(same_topology(t, declared));
  CU_ASSERT(eplb_topology_set_node_level(t, "node") == EPLB_SUCCESS && eplb_topology_num_nodes(t) == 4);
  eplb_topology_destroy(&declared);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"declared nodes are as equal as can be", declared_nodes_are_as_equal_as_can_be},
      {"declare refuses numbers that make no topology", declare_refuses_numbers_that_make_no_topology},
      {"domains are numbered by first device", domains_are_numbered_by_first_device},
      {"nodes list their devices in rank order", nodes_list_their_devices_in_rank_order},
      {"slots are numbered through the devices", slots_are_numbered_through_the_devices},
      {"copies need neither inputs nor original", copies_need_neither_inputs_nor_original},
      {"another level can be the node", another_level_can_be_the_node},
      {"destroy accepts nothing", destroy_accepts_nothing},
      {"speeds are one unless given", speeds_are_one_unless_given},
      {"most levels and longest names fit", most_levels_and_longest_names_fit},
      {"create refuses sizes and names", create_refuses_sizes_and_names},
      {"create refuses slots and speeds", create_refuses_slots_and_speeds},
      {"create refuses domains that do not nest", create_refuses_domains_that_do_not_nest},
      {"create refuses missing arrays", create_refuses_missing_arrays},
      {NULL, NULL}};
  return tap_run("topology", tests);
}
