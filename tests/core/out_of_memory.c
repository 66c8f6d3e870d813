/* Every allocation of every call fails once. */
#include "core/model/placement.h"
#include "core/model/synthetic.h"
#include "core/plan/common/remote_nodes.h"
#include "core/transfer/staging.h"
#include "failing_memory.h"
#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/dispatch.h>
#include <eplb/loads.h>
#include <eplb/planner.h>
#include <eplb/routing.h>
#include <eplb/transfer.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ALLOCATIONS = 1000 };

/* What the calls work on. Outputs that a failed call must not touch start out as they are here. */
typedef struct world {
  eplb_topology_t *topology, *made_topology;
  eplb_placement_t *before, *after, *copy, *made_placement;
  eplb_deriver_t *deriver, *made_deriver;
  eplb_transfers_t list;
  eplb_loads_t *made_loads;
  eplb_plan_options_t options;
  double load[2 * 16], bound;
} world_t;

static void world_make(world_t *w) {
  rng_t rng = {1};
  memset(w, 0, sizeof *w);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 6, &w->topology), EPLB_SUCCESS);
  w->before = random_placement(&rng, 2, 16, 24, 0);
  w->after = random_placement(&rng, 2, 16, 24, 0);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_copy(w->after, &w->copy), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(w->topology, 16, &w->deriver), EPLB_SUCCESS);
  eplb_plan_options_init(&w->options);
  w->options.planner = EPLB_PLANNER_WINDOW;
  w->options.num_groups = 4;
  random_loads(&rng, 2 * 16, w->load);
  w->bound = -1;
}

static void world_end(world_t *w) {
  eplb_loads_destroy(&w->made_loads);
  eplb_transfers_free(&w->list);
  eplb_deriver_destroy(&w->made_deriver);
  eplb_deriver_destroy(&w->deriver);
  eplb_placement_destroy(&w->made_placement);
  eplb_placement_destroy(&w->copy);
  eplb_placement_destroy(&w->after);
  eplb_placement_destroy(&w->before);
  eplb_topology_destroy(&w->made_topology);
  eplb_topology_destroy(&w->topology);
}

static int outputs_untouched(const world_t *w) {
  return !w->made_topology && !w->made_placement && !w->made_deriver && !w->made_loads && w->list.count == 0 &&
         w->bound == -1 && same_placement(w->after, w->copy);
}

/* Calls with the n-th allocation failing. Returns whether the call failed, as it must unless it needs fewer. */
static int call_failing(eplb_status_t (*call)(world_t *), int n, int forever) {
  long before_all = failing_memory_live();
  world_t world;
  world_make(&world);
  eplb_fail(EPLB_SUCCESS, "%s", "");
  long live = failing_memory_live();
  if (forever)
    failing_memory_from(n);
  else
    failing_memory_after(n);
  eplb_status_t status = call(&world);
  CU_ASSERT_EQUAL(status, failing_memory_failures() ? EPLB_ERR_MEMORY : EPLB_SUCCESS);
  failing_memory_after(-1);
  if (status) {
    CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "memory"));
    CU_ASSERT(outputs_untouched(&world));
    eplb_transfers_free(&world.list); /* what a list has grown to is the caller's */
    CU_ASSERT_EQUAL(failing_memory_live(), live);
    CU_ASSERT_EQUAL(call(&world), EPLB_SUCCESS); /* a failure spoils nothing for the next try */
  }
  world_end(&world);
  CU_ASSERT_EQUAL(failing_memory_live(), before_all);
  return status != EPLB_SUCCESS;
}

/* Lets the first, second, third ... allocation of `call` fail, alone or with all after it, until it needs no more. */
static void exhaust(eplb_status_t (*call)(world_t *)) {
  for (int forever = 0; forever <= 1; forever++) {
    int n = 0;
    while (n < MOST_ALLOCATIONS && call_failing(call, n, forever))
      n++;
    CU_ASSERT(n > 0 && n < MOST_ALLOCATIONS);
  }
}

static eplb_status_t declare(world_t *w) {
  return eplb_topology_declare(2, 6, 3, &w->made_topology);
}

static eplb_status_t create_topology(world_t *w) {
  return eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                             .num_devices = 4,
                                                             .num_levels = 2,
                                                             .level_name = (const char *[]){"node", "island"},
                                                             .domain = (int[]){0, 1, 0, 1, 0, 1, 2, 3},
                                                             .slots = (int[]){1, 2, 3, 4}},
                              &w->made_topology);
}

static eplb_status_t copy_topology(world_t *w) {
  return eplb_topology_copy(w->topology, &w->made_topology);
}

static eplb_status_t create_placement(world_t *w) {
  return eplb_placement_create(2, 5, 7, &w->made_placement);
}

static eplb_status_t create_linear(world_t *w) {
  return eplb_placement_create_linear(2, 5, 7, &w->made_placement);
}

static eplb_status_t copy_placement(world_t *w) {
  return eplb_placement_copy(w->before, &w->made_placement);
}

static eplb_status_t validate(world_t *w) {
  return eplb_placement_validate(w->before);
}

static eplb_status_t keep_slots(world_t *w) {
  return eplb_placement_keep_slots(w->topology, w->before, w->after);
}

static eplb_status_t find_bound(world_t *w) {
  return eplb_balancedness_bound(w->topology, 16, w->load, &w->bound);
}

static eplb_status_t plan_hierarchical(world_t *w) {
  w->options.policy = EPLB_POLICY_HIERARCHICAL;
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), NULL, &w->made_placement);
}

static eplb_status_t plan_global(world_t *w) {
  w->options.policy = EPLB_POLICY_GLOBAL;
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), NULL, &w->made_placement);
}

static eplb_status_t plan_spilling(world_t *w) {
  w->options.policy = EPLB_POLICY_HIERARCHICAL;
  w->options.spill = .9;
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), NULL, &w->made_placement);
}

static eplb_status_t plan_reference(world_t *w) {
  w->options.planner = EPLB_PLANNER_DEEPSEEK;
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), NULL, &w->made_placement);
}

static eplb_status_t replan(world_t *w) {
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), w->before, &w->made_placement);
}

static eplb_status_t replan_reference(world_t *w) {
  w->options.planner = EPLB_PLANNER_DEEPSEEK;
  return plan_window(&w->options, w->topology, eplb_windows_single(2, 16, w->load), w->before, &w->made_placement);
}

static eplb_windows_t two_windows(const world_t *w) {
  return (eplb_windows_t){.size = sizeof(eplb_windows_t),
                          .num_windows = 2,
                          .num_layers = 2,
                          .num_experts = 16,
                          .load = {w->load, w->load},
                          .weight = {1, 1}};
}

static eplb_status_t plan_ahead(world_t *w) {
  const eplb_windows_t windows = two_windows(w);
  w->options.planner = EPLB_PLANNER_CHAIN;
  return eplb_plan(&w->options, w->topology, &windows, NULL, &w->made_placement);
}

static eplb_status_t replan_ahead(world_t *w) {
  const eplb_windows_t windows = two_windows(w);
  w->options.planner = EPLB_PLANNER_HISTORY;
  return eplb_plan(&w->options, w->topology, &windows, w->before, &w->made_placement);
}

static eplb_status_t plan_forecast(world_t *w) {
  const eplb_windows_t windows = two_windows(w);
  return eplb_plan(&w->options, w->topology, &windows, NULL, &w->made_placement);
}

static eplb_status_t replan_forecast(world_t *w) {
  const eplb_windows_t windows = two_windows(w);
  return eplb_plan(&w->options, w->topology, &windows, w->before, &w->made_placement);
}

static eplb_status_t keep_history(world_t *w) {
  eplb_history_t *h = NULL;
  eplb_status_t status = eplb_history_create(2, 16, 4, .9, &h);
  if (!status)
    status = eplb_history_add(h, w->load);
  eplb_history_destroy(&h);
  return status;
}

static eplb_status_t dispatch(world_t *w) {
  eplb_dispatch_t *d = NULL;
  const int64_t count[16] = {1, 2, 3};
  float share[24];
  int32_t quota[24];
  eplb_status_t status = eplb_dispatch_create(w->topology, w->before, &d);
  if (!status)
    status = eplb_dispatch_shares(d, 1, count, share);
  if (!status)
    status = eplb_dispatch_quotas(d, 1,
                                  &(const eplb_rank_tokens_t){.size = sizeof(eplb_rank_tokens_t),
                                                              .device = 0,
                                                              .split = EPLB_SPLIT_SHARES,
                                                              .share = share,
                                                              .count = count},
                                  quota);
  eplb_dispatch_destroy(&d);
  return status;
}

static eplb_status_t route(world_t *w) {
  eplb_dispatch_t *d = NULL;
  eplb_routing_t *r = NULL;
  eplb_status_t status = eplb_dispatch_create(w->topology, w->before, &d);
  if (!status)
    status = eplb_routing_create(d, 0, 8, EPLB_SPLIT_EVEN, &r);
  eplb_routing_destroy(&r);
  eplb_dispatch_destroy(&d);
  return status;
}

static eplb_status_t count_visits(world_t *w) {
  eplb_visits_t visits = {0};
  eplb_status_t status =
      eplb_remote_nodes(&(const eplb_group_routing_t){4, 2, 3}, w->topology, w->before, 0, w->load, &visits);
  w->bound = status ? w->bound : visits.nodes;
  return status;
}

static eplb_status_t create_deriver(world_t *w) {
  return eplb_deriver_create(w->topology, 16, &w->made_deriver);
}

static eplb_status_t derive(world_t *w) {
  return eplb_derive_layer(w->deriver, eplb_placement_row(w->before, 1), eplb_placement_row(w->after, 1), 1, 100,
                           &w->list);
}

static eplb_status_t cut_steps(world_t *w) {
  int32_t step[24];
  int num_steps = -1;
  eplb_status_t status = eplb_staging_steps_cut(
      w->topology,
      &(const eplb_staging_steps_t){16, 1, w->before->physical_to_logical, w->after->physical_to_logical, step},
      &num_steps);
  CU_ASSERT_EQUAL(num_steps == -1, status != EPLB_SUCCESS);
  return status;
}

static eplb_status_t generate_loads(world_t *w) {
  eplb_generate_options_t options;
  eplb_generate_options_init(&options);
  return eplb_loads_generate(&options, &w->made_loads);
}

static eplb_status_t generate_domains(world_t *w) {
  eplb_generate_options_t options;
  eplb_generate_options_init(&options);
  options.num_domains = 3;
  return eplb_loads_generate(&options, &w->made_loads);
}

static void loads_survive_any_failure(void) {
  exhaust(generate_loads);
  exhaust(generate_domains);
}

static void topologies_survive_any_failure(void) {
  exhaust(declare);
  exhaust(create_topology);
  exhaust(copy_topology);
}

static void placements_survive_any_failure(void) {
  exhaust(create_placement);
  exhaust(create_linear);
  exhaust(copy_placement);
  exhaust(validate);
}

static void keeping_slots_survives_any_failure(void) {
  exhaust(keep_slots);
}

static void the_bound_survives_any_failure(void) {
  exhaust(find_bound);
}

static void planning_survives_any_failure(void) {
  exhaust(plan_hierarchical);
  exhaust(plan_global);
  exhaust(plan_spilling);
  exhaust(plan_reference);
  exhaust(replan);
  exhaust(replan_reference);
  exhaust(count_visits);
}

static void planning_ahead_survives_any_failure(void) {
  exhaust(plan_ahead);
  exhaust(replan_ahead);
  exhaust(plan_forecast);
  exhaust(replan_forecast);
  exhaust(keep_history);
  exhaust(dispatch);
  exhaust(route);
}

static void derivation_survives_any_failure(void) {
  exhaust(create_deriver);
  exhaust(derive);
  exhaust(cut_steps);
}

/* The answer to absurd sizes does not depend on memory; with all of it gone, allocating first would show. */
static void sizes_are_checked_before_anything_is_allocated(void) {
  world_t w;
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  world_make(&w);
  failing_memory_from(0);
  CU_ASSERT_EQUAL(eplb_topology_declare(1, INT_MAX, 2, &t), EPLB_ERR_ARGUMENT);
  CU_ASSERT_EQUAL(eplb_topology_declare(2, 1, 1, &t), EPLB_ERR_ARGUMENT);
  CU_ASSERT_EQUAL(eplb_placement_create(1, 9, 8, &p), EPLB_ERR_SHAPE);
  CU_ASSERT_EQUAL(eplb_balancedness_bound(w.topology, 25, w.load, &w.bound), EPLB_ERR_SHAPE);
  CU_ASSERT_EQUAL(eplb_deriver_create(w.topology, 25, &w.made_deriver), EPLB_ERR_SHAPE);
  CU_ASSERT_EQUAL(plan_window(&w.options, w.topology, eplb_windows_single(1, 25, w.load), NULL, &p), EPLB_ERR_SHAPE);
  failing_memory_after(-1);
  world_end(&w);
}

static void questions_need_no_memory(void) {
  world_t w;
  double device_load[4];
  world_make(&w);
  failing_memory_from(0);
  CU_ASSERT_EQUAL(eplb_placement_index(w.before), EPLB_SUCCESS);
  CU_ASSERT(eplb_balancedness(w.topology, w.before, 0, w.load) > 0);
  eplb_device_loads(w.topology, w.before, 0, w.load, device_load);
  failing_memory_after(-1);
  world_end(&w);
}

/* All that a history ever takes: 8 bytes for each window, layer and expert, and what tells where they are. */
static void a_history_is_no_larger_than_its_windows(void) {
  enum { LAYERS = 3, EXPERTS = 50, REST = 128 };
  const double load[LAYERS * EXPERTS] = {1};
  for (int windows = 1; windows <= EPLB_HISTORY_MAX; windows++) {
    eplb_history_t *h = NULL;
    eplb_windows_t w = {.size = sizeof w};
    size_t before = failing_memory_asked();
    CU_ASSERT_EQUAL_FATAL(eplb_history_create(LAYERS, EXPERTS, windows, .9, &h), EPLB_SUCCESS);
    for (int i = 0; i < 3 * EPLB_HISTORY_MAX; i++) {
      CU_ASSERT_EQUAL(eplb_history_add(h, load), EPLB_SUCCESS);
      CU_ASSERT_EQUAL(eplb_history_with(h, load, &w), EPLB_SUCCESS);
    }
    size_t asked = failing_memory_asked() - before, bound = (size_t)(8 * windows * LAYERS * EXPERTS);
    CU_ASSERT(asked >= bound && asked <= bound + REST);
    eplb_history_destroy(&h);
  }
}

int main(void) {
  static const tap_test_t tests[] = {
      {"loads survive any failure", loads_survive_any_failure},
      {"topologies survive any failure", topologies_survive_any_failure},
      {"placements survive any failure", placements_survive_any_failure},
      {"keeping slots survives any failure", keeping_slots_survives_any_failure},
      {"the bound survives any failure", the_bound_survives_any_failure},
      {"planning survives any failure", planning_survives_any_failure},
      {"planning ahead survives any failure", planning_ahead_survives_any_failure},
      {"derivation survives any failure", derivation_survives_any_failure},
      {"sizes are checked before anything is allocated", sizes_are_checked_before_anything_is_allocated},
      {"questions need no memory", questions_need_no_memory},
      {"a history is no larger than its windows", a_history_is_no_larger_than_its_windows},
      {NULL, NULL}};
  return tap_run("out of memory", tests);
}
