#include "core/model/loads.h"
#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/loads.h>
#include <eplb/placement.h>
#include <math.h>
#include <string.h>

enum { MAX_LAYERS = 3, MAX_SLOTS = 6 * SHAPE_MAX_DEVICES };

/* A topology, a placement on it and its loads. */
typedef struct scene {
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  double load[MAX_LAYERS * MAX_SLOTS];
} scene_t;

static void scene_make(rng_t *rng, unsigned traits, scene_t *scene) {
  scene->topology = random_topology(rng, traits);
  int slots = eplb_topology_num_slots(scene->topology), experts = rng_between(rng, 1, slots);
  int layers = rng_between(rng, 1, MAX_LAYERS);
  scene->placement = random_placement(rng, layers, experts, slots, rng_between(rng, 0, 30));
  random_loads(rng, (size_t)(layers * experts), scene->load);
}

static void scene_end(scene_t *scene) {
  eplb_placement_destroy(&scene->placement);
  eplb_topology_destroy(&scene->topology);
}

static int near(double a, double b) {
  return fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b));
}

/* Expert by expert, where the library goes slot by slot. */
static void add_up(const scene_t *scene, int layer, double *device_load) {
  const eplb_placement_t *p = scene->placement;
  memset(device_load, 0, (size_t)scene->topology->num_devices * sizeof *device_load);
  for (int e = 0; e < p->num_experts; e++) {
    int count = p->logical_replica_count[layer * p->num_experts + e];
    for (int s = 0; s < p->num_slots; s++)
      if (p->physical_to_logical[layer * p->num_slots + s] == e)
        device_load[eplb_topology_device_of_slot(scene->topology, s)] +=
            scene->load[layer * p->num_experts + e] / count;
  }
}

/* Mean over max of load / speed, the mean weighted by speed, so that it is the same wherever the load goes. */
static double balance_of(const eplb_topology_t *t, const double *device_load) {
  double total = 0, speed = 0, slowest = 0;
  for (int d = 0; d < t->num_devices; d++) {
    total += device_load[d];
    speed += t->speed[d];
    slowest = fmax(slowest, device_load[d] / t->speed[d]);
  }
  return slowest > 0 ? total / speed / slowest : 1;
}

static void check_loads(rng_t *rng) {
  scene_t scene;
  scene_make(rng, SHAPE_ANY, &scene);
  double found[SHAPE_MAX_DEVICES], expected[SHAPE_MAX_DEVICES], per_layer[MAX_LAYERS], sum = 0;
  int layers = scene.placement->num_layers, experts = scene.placement->num_experts, counted = 0;
  double mean = eplb_balancedness_mean(scene.topology, scene.placement, scene.load, per_layer);
  for (int l = 0; l < layers; l++) {
    eplb_device_loads(scene.topology, scene.placement, l, scene.load + l * experts, found);
    add_up(&scene, l, expected);
    for (int d = 0; d < scene.topology->num_devices; d++)
      CU_ASSERT(near(found[d], expected[d]));
    double balance = eplb_balancedness(scene.topology, scene.placement, l, scene.load + l * experts);
    CU_ASSERT(near(balance, balance_of(scene.topology, expected)) && balance == per_layer[l]);
    CU_ASSERT(balance > 0 && balance <= 1);
    if (eplb_loads_idle_layers(1, experts, scene.load + l * experts))
      continue;
    sum += balance;
    counted++;
  }
  CU_ASSERT_EQUAL(counted, layers - eplb_loads_idle_layers(layers, experts, scene.load));
  CU_ASSERT(near(mean, counted ? sum / counted : 1));
  CU_ASSERT_EQUAL(mean, eplb_balancedness_mean(scene.topology, scene.placement, scene.load, NULL));
  scene_end(&scene);
}

static void loads_and_balance_agree_with_adding_up(void) {
  shapes_try(2000, 1, check_loads);
}

/* What must come out where one can see it. */
static void known_balances(void) {
  eplb_topology_t *four = NULL, *uneven = NULL;
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 1, &four), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = 2,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = (int[]){0, 0},
                                                                            .slots = (int[]){2, 2},
                                                                            .speed = (double[]){1, 3},
                                                                            .declared = 1},
                                             &uneven),
                        EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 4, 4, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_balancedness(four, p, 0, (double[]){7, 7, 7, 7}), 1);
  CU_ASSERT_EQUAL(eplb_balancedness(four, p, 0, (double[]){0, 9, 0, 0}), .25);
  CU_ASSERT_EQUAL(eplb_balancedness(four, p, 0, (double[]){0, 0, 0, 0}), 1);
  CU_ASSERT_EQUAL(eplb_balancedness(four, p, 0, (double[]){1, 2, 3, 2}), 2. / 3);
  CU_ASSERT_EQUAL(eplb_balancedness(uneven, p, 0, (double[]){1, 1, 4, 2}), 1); /* thrice the load at thrice the speed */
  CU_ASSERT_EQUAL(eplb_balancedness(uneven, p, 0, (double[]){2, 2, 2, 2}), .5);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&uneven);
  eplb_topology_destroy(&four);
}

static void check_bound_holds(rng_t *rng) {
  scene_t scene;
  scene_make(rng, SHAPE_ANY, &scene);
  int experts = scene.placement->num_experts;
  for (int l = 0; l < scene.placement->num_layers; l++) {
    double bound = -1, balance = eplb_balancedness(scene.topology, scene.placement, l, scene.load + l * experts);
    CU_ASSERT_EQUAL(eplb_balancedness_bound(scene.topology, experts, scene.load + l * experts, &bound), EPLB_SUCCESS);
    CU_ASSERT(bound > 0 && bound <= 1 && balance <= bound * (1 + 1e-12));
  }
  scene_end(&scene);
}

static void no_placement_is_above_the_bound(void) {
  shapes_try(3000, 2, check_bound_holds);
}

/* The best of all ways to fill the slots, each with any expert or none. */
static double best_balance(const eplb_topology_t *t, int experts, const double *load) {
  int slots = eplb_topology_num_slots(t);
  int32_t row[5] = {0}, count[4];
  double best = 0, device_load[SHAPE_MAX_DEVICES];
  for (int more = 1; more;) {
    memset(count, 0, sizeof count), memset(device_load, 0, sizeof device_load);
    for (int s = 0; s < slots; s++)
      if (row[s] < experts)
        count[row[s]]++;
    for (int s = 0; s < slots; s++)
      if (row[s] < experts)
        device_load[eplb_topology_device_of_slot(t, s)] += load[row[s]] / count[row[s]];
    int placed = 0;
    for (int e = 0; e < experts; e++)
      placed += count[e] > 0;
    if (placed == experts)
      best = fmax(best, balance_of(t, device_load));
    int s = 0;
    while (s < slots && row[s] == experts)
      row[s++] = 0;
    more = s < slots && ++row[s];
  }
  return best;
}

static void check_best(rng_t *rng) {
  int devices = rng_between(rng, 1, 4), slots[4], node[4] = {0}, sum = 0, experts;
  double speed[4], load[4], bound = -1;
  for (int d = 0; d < devices; d++) {
    slots[d] = d ? rng_between(rng, 0, 5 - sum < 2 ? 5 - sum : 2) : rng_between(rng, 1, 2);
    sum += slots[d];
    speed[d] = rng_between(rng, 1, 3);
  }
  experts = rng_between(rng, 1, sum < 4 ? sum : 4);
  random_loads(rng, (size_t)experts, load);
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = devices,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = node,
                                                                            .slots = slots,
                                                                            .speed = speed,
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_balancedness_bound(t, experts, load, &bound), EPLB_SUCCESS);
  CU_ASSERT(best_balance(t, experts, load) <= bound * (1 + 1e-12));
  eplb_topology_destroy(&t);
}

static void the_best_of_all_placements_is_not_above_the_bound(void) {
  shapes_try(300, 3, check_best);
}

/* Slots to the busiest replica, one by one; then mean over the larger of mean and busiest replica. */
static void check_tight(rng_t *rng) {
  eplb_topology_t *t = random_topology(rng, SHAPE_ANY & ~SHAPE_SPEEDS);
  double load[MAX_SLOTS], total = 0, peak = 0, bound = -1;
  int slots = eplb_topology_num_slots(t), experts = rng_between(rng, 1, slots), count[MAX_SLOTS], busiest = 0;
  random_loads(rng, (size_t)experts, load);
  for (int e = 0; e < experts; e++) {
    total += load[e];
    count[e] = 1;
  }
  for (int spare = slots - experts; spare >= 0; spare--) {
    peak = 0;
    for (int e = 0; e < experts; e++)
      if (load[e] / count[e] > peak) {
        peak = load[e] / count[e];
        busiest = e;
      }
    count[busiest] += spare > 0;
  }
  double mean = total / t->num_devices;
  CU_ASSERT_EQUAL(eplb_balancedness_bound(t, experts, load, &bound), EPLB_SUCCESS);
  CU_ASSERT(near(bound, peak > 0 ? mean / fmax(mean, peak) : 1));
  eplb_topology_destroy(&t);
}

static void the_bound_is_mean_over_mean_or_busiest_replica(void) {
  shapes_try(2000, 4, check_tight);
}

static void the_bound_needs_a_slot_for_every_expert(void) {
  eplb_topology_t *t = NULL;
  double bound = -1;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(1, 2, 3, &t), EPLB_SUCCESS);
  TAP_FAILS(eplb_balancedness_bound(t, 7, (double[7]){0}, &bound), EPLB_ERR_SHAPE, "7");
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "6"));
  CU_ASSERT_EQUAL(bound, -1);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"loads and balance agree with adding up", loads_and_balance_agree_with_adding_up},
      {"known balances", known_balances},
      {"no placement is above the bound", no_placement_is_above_the_bound},
      {"the best of all placements is not above the bound", the_best_of_all_placements_is_not_above_the_bound},
      {"the bound is mean over mean or busiest replica", the_bound_is_mean_over_mean_or_busiest_replica},
      {"the bound needs a slot for every expert", the_bound_needs_a_slot_for_every_expert},
      {NULL, NULL}};
  return tap_run("balance", tests);
}
