#include "core/model/placement.h"
#include "plan_window.h"
#include "tap.h"
#include <eplb/planner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUM_CASES = 68 };

typedef struct golden {
  int layers, experts, slots, groups, nodes, devices, width;
  double *load;
  int *slot_expert, *count, *slot_of_replica; /* as physical_to_logical, logical_replica_count, logical_to_physical */
} golden_t;

static int *read_ints(FILE *file, int rows, int width) {
  int count = rows * width, *value = malloc((size_t)count * sizeof *value);
  CU_ASSERT_PTR_NOT_NULL_FATAL(value);
  for (int i = 0; i < count; i++)
    CU_ASSERT_EQUAL_FATAL(fscanf(file, "%d", &value[i]), 1);
  return value;
}

static void golden_read(int number, golden_t *g) {
  char name[64];
  snprintf(name, sizeof name, "golden/case%03d.txt", number);
  FILE *file = fopen(tap_data(name), "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  int *head = read_ints(file, 1, 7);
  *g = (golden_t){head[0], head[1], head[2], head[3], head[4], head[5], head[6], NULL, NULL, NULL, NULL};
  free(head);
  int *load = read_ints(file, g->layers, g->experts);
  g->load = malloc((size_t)(g->layers * g->experts) * sizeof *g->load);
  CU_ASSERT_PTR_NOT_NULL_FATAL(g->load);
  for (int i = 0; i < g->layers * g->experts; i++)
    g->load[i] = load[i];
  free(load);
  g->slot_expert = read_ints(file, g->layers, g->slots);
  g->count = read_ints(file, g->layers, g->experts);
  g->slot_of_replica = read_ints(file, g->layers * g->experts, g->width);
  fclose(file);
}

static void golden_free(golden_t *g) {
  free(g->load);
  free(g->slot_expert);
  free(g->count);
  free(g->slot_of_replica);
}

static eplb_placement_t *plan(const golden_t *g) {
  eplb_plan_options_t options;
  eplb_topology_t *topology = NULL;
  eplb_placement_t *placement = NULL;
  eplb_plan_options_init(&options);
  options.planner = EPLB_PLANNER_DEEPSEEK;
  options.num_groups = g->groups;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(g->nodes, g->devices, g->slots / g->devices, &topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(
      plan_window(&options, topology, eplb_windows_single(g->layers, g->experts, g->load), NULL, &placement),
      EPLB_SUCCESS);
  eplb_topology_destroy(&topology);
  return placement;
}

/* Plans every recorded case and compares what `differs` looks at. */
static void compare_all(int (*differs)(const golden_t *, const eplb_placement_t *)) {
  for (int number = 0; number < NUM_CASES; number++) {
    golden_t g;
    golden_read(number, &g);
    eplb_placement_t *placement = plan(&g);
    int wrong = differs(&g, placement);
    CU_ASSERT_FALSE(wrong);
    if (wrong)
      printf("# case %03d: %d layers, %d experts, %d slots, %d groups, %d nodes, %d devices\n", number, g.layers,
             g.experts, g.slots, g.groups, g.nodes, g.devices);
    eplb_placement_destroy(&placement);
    golden_free(&g);
  }
}

static int slots_differ(const golden_t *g, const eplb_placement_t *p) {
  return memcmp(p->physical_to_logical, g->slot_expert, (size_t)(g->layers * g->slots) * sizeof(int)) != 0;
}

static int counts_differ(const golden_t *g, const eplb_placement_t *p) {
  return memcmp(p->logical_replica_count, g->count, (size_t)(g->layers * g->experts) * sizeof(int)) != 0;
}

static int inverse_differs(const golden_t *g, const eplb_placement_t *p) {
  size_t size = (size_t)(g->layers * g->experts * g->width) * sizeof(int32_t);
  int32_t *map = malloc(size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(map);
  CU_ASSERT_EQUAL(eplb_placement_max_replicas(p), g->width);
  int differs = eplb_placement_logical_to_physical(p, g->width, map) || memcmp(map, g->slot_of_replica, size);
  free(map);
  return differs;
}

static void the_slots_are_those_recorded(void) {
  compare_all(slots_differ);
}

static void the_replica_counts_are_those_recorded(void) {
  compare_all(counts_differ);
}

static void the_replicas_are_in_the_order_recorded(void) {
  compare_all(inverse_differs);
}

static void the_published_example(void) {
  double load[] = {90, 132, 40,  61, 104, 165, 39,  4,   73,  56, 183, 86,
                   20, 107, 104, 64, 19,  197, 187, 157, 172, 86, 16,  27};
  int expected[] = {5, 6,  5, 7, 8, 4,  3, 4, 10, 9, 10, 2, 0, 1, 11, 1,
                    7, 10, 6, 8, 6, 11, 8, 9, 2,  4, 5,  1, 5, 0, 3,  1};
  golden_t g = {2, 12, 16, 4, 2, 8, 0, load, expected, NULL, NULL};
  eplb_placement_t *placement = plan(&g);
  CU_ASSERT_FALSE(slots_differ(&g, placement));
  CU_ASSERT_EQUAL(eplb_placement_validate(placement), EPLB_SUCCESS);
  eplb_placement_destroy(&placement);
}

int main(void) {
  static const tap_test_t tests[] = {{"the slots are those recorded", the_slots_are_those_recorded},
                                     {"the replica counts are those recorded", the_replica_counts_are_those_recorded},
                                     {"the replicas are in the order recorded", the_replicas_are_in_the_order_recorded},
                                     {"the published example comes out as published", the_published_example},
                                     {NULL, NULL}};
  return tap_run("golden", tests);
}
