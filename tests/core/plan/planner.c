#include "naive.h"
#include "plan_window.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/planner.h>
#include <math.h>
#include <string.h>

enum { LAYERS = 2, MAX_LOADS = LAYERS * NAIVE_MAX_SLOTS };

/* Something that the reference can plan. */
typedef struct job {
  eplb_topology_t *topology;
  eplb_plan_options_t options;
  int experts;
  double load[MAX_LOADS];
} job_t;

/* `traits` of the topology; hierarchical jobs have groups that divide. */
static void job_make(rng_t *rng, unsigned traits, eplb_policy_t policy, job_t *job) {
  memset(job, 0, sizeof *job);
  job->topology = random_topology(rng, traits);
  int slots = eplb_topology_num_slots(job->topology), nodes = eplb_topology_num_nodes(job->topology), groups;
  if (policy == EPLB_POLICY_HIERARCHICAL) {
    groups = nodes * rng_between(rng, 1, slots / nodes < 4 ? slots / nodes : 4);
    job->experts = groups * rng_between(rng, 1, slots / groups);
  } else {
    job->experts = rng_between(rng, 1, slots);
    groups = rng_between(rng, 1, job->experts);
  }
  eplb_plan_options_init(&job->options);
  job->options.planner = EPLB_PLANNER_DEEPSEEK;
  job->options.policy = policy;
  job->options.num_groups = groups;
  random_loads(rng, (size_t)(LAYERS * job->experts), job->load);
}

static eplb_placement_t *job_plan(const job_t *job) {
  eplb_placement_t *p = NULL;
  CU_ASSERT_EQUAL_FATAL(
      plan_window(&job->options, job->topology, eplb_windows_single(LAYERS, job->experts, job->load), NULL, &p),
      EPLB_SUCCESS);
  return p;
}

static eplb_policy_t any_policy(rng_t *rng) {
  return rng_between(rng, 0, 1) ? EPLB_POLICY_HIERARCHICAL : EPLB_POLICY_GLOBAL;
}

static unsigned traits_for(eplb_policy_t policy) {
  return SHAPE_SCATTERED | SHAPE_LEVELS | (policy == EPLB_POLICY_GLOBAL ? SHAPE_UNEVEN_NODES : SHAPE_PLAIN);
}

static void check_whole(rng_t *rng) {
  job_t job;
  eplb_policy_t policy = any_policy(rng);
  job_make(rng, traits_for(policy), policy, &job);
  eplb_placement_t *p = job_plan(&job), *again = job_plan(&job);
  CU_ASSERT(p->num_layers == LAYERS && p->num_experts == job.experts);
  CU_ASSERT_EQUAL(p->num_slots, eplb_topology_num_slots(job.topology));
  CU_ASSERT_EQUAL(eplb_placement_validate(p), EPLB_SUCCESS); /* every expert has a slot */
  for (int i = 0; i < LAYERS * p->num_slots; i++)
    CU_ASSERT_NOT_EQUAL(p->physical_to_logical[i], EPLB_EMPTY);
  CU_ASSERT(same_placement(p, again));
  eplb_placement_destroy(&again);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void plans_are_valid_full_and_repeatable(void) {
  shapes_try(2000, 1, check_whole);
}

/* Compares one layer with the naive planner, whose devices are numbered node by node. */
static void check_layer(const job_t *job, const eplb_placement_t *p, int layer, int groups, int nodes) {
  const eplb_topology_t *t = job->topology;
  int32_t expert[NAIVE_MAX_SLOTS], replica[NAIVE_MAX_SLOTS], count[NAIVE_MAX_SLOTS], each = t->slot_begin[1];
  naive_eplb(p->num_experts, p->num_slots, groups, nodes, t->num_devices, job->load + layer * p->num_experts, expert,
             replica, count);
  CU_ASSERT(
      !memcmp(p->logical_replica_count + layer * p->num_experts, count, (size_t)p->num_experts * sizeof(int32_t)));
  for (int s = 0; s < p->num_slots; s++) {
    int slot = t->slot_begin[t->node_device[s / each]] + s % each;
    const int32_t *begin = p->replica_begin + layer * (p->num_experts + 1);
    CU_ASSERT_EQUAL(p->physical_to_logical[layer * p->num_slots + slot], expert[s]);
    CU_ASSERT_EQUAL(p->replica_slot[layer * p->num_slots + begin[expert[s]] + replica[s]], slot);
  }
}

static void check_reference(rng_t *rng) {
  job_t job;
  eplb_policy_t policy = any_policy(rng);
  job_make(rng, traits_for(policy), policy, &job);
  if (policy == EPLB_POLICY_GLOBAL &&
      rng_between(rng, 0, 1)) /* how float32 rounds the sum of a group is not published */
    for (int i = 0; i < LAYERS * job.experts; i++)
      job.load[i] = (job.load[i] + rng_unit(rng)) / 3;
  eplb_placement_t *p = job_plan(&job);
  int hierarchical = policy == EPLB_POLICY_HIERARCHICAL;
  for (int l = 0; l < LAYERS; l++)
    check_layer(&job, p, l, hierarchical ? job.options.num_groups : 1,
                hierarchical ? eplb_topology_num_nodes(job.topology) : 1);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void plans_are_those_of_the_published_algorithm(void) {
  shapes_try(2000, 2, check_reference);
}

static void check_scaled(rng_t *rng) {
  job_t job;
  eplb_policy_t policy = any_policy(rng);
  job_make(rng, traits_for(policy), policy, &job);
  eplb_placement_t *p = job_plan(&job);
  int power = rng_between(rng, -40, 40);
  for (int i = 0; i < LAYERS * job.experts; i++)
    job.load[i] = ldexp(job.load[i], power);
  eplb_placement_t *scaled = job_plan(&job);
  CU_ASSERT(same_placement(p, scaled));
  eplb_placement_destroy(&scaled);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void powers_of_two_change_no_plan(void) {
  shapes_try(1000, 3, check_scaled);
}

/* -0.0 is a load that no comparison can tell from 0. */
static void check_negative_zero(rng_t *rng) {
  job_t job;
  eplb_policy_t policy = any_policy(rng);
  job_make(rng, traits_for(policy), policy, &job);
  for (int i = 0; i < LAYERS * job.experts; i++)
    job.load[i] = rng_between(rng, 0, 2) ? job.load[i] : 0;
  eplb_placement_t *p = job_plan(&job);
  for (int i = 0; i < LAYERS * job.experts; i++)
    if (!(job.load[i] > 0) && rng_between(rng, 0, 1))
      job.load[i] = -0.0;
  eplb_placement_t *signed_zero = job_plan(&job);
  CU_ASSERT(same_placement(p, signed_zero));
  eplb_placement_destroy(&signed_zero);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void negative_zero_is_zero(void) {
  shapes_try(1000, 8, check_negative_zero);
}

/* Layers are planned each for itself: the other way round they come out the other way round. */
static void check_layers_apart(rng_t *rng) {
  job_t job;
  eplb_policy_t policy = any_policy(rng);
  job_make(rng, traits_for(policy), policy, &job);
  eplb_placement_t *p = job_plan(&job);
  for (int e = 0; e < job.experts; e++) {
    double first = job.load[e];
    job.load[e] = job.load[job.experts + e];
    job.load[job.experts + e] = first;
  }
  eplb_placement_t *swapped = job_plan(&job);
  size_t row = (size_t)p->num_slots;
  CU_ASSERT(!memcmp(p->physical_to_logical, swapped->physical_to_logical + row, row * sizeof(int32_t)));
  CU_ASSERT(!memcmp(p->physical_to_logical + row, swapped->physical_to_logical, row * sizeof(int32_t)));
  eplb_placement_destroy(&swapped);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void layers_are_planned_each_for_itself(void) {
  shapes_try(500, 4, check_layers_apart);
}

static void check_scattered(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_SCATTERED, EPLB_POLICY_HIERARCHICAL, &job);
  eplb_topology_t *scattered = job.topology, *sorted = NULL;
  int each = scattered->slot_begin[1];
  CU_ASSERT_EQUAL_FATAL(
      eplb_topology_declare(eplb_topology_num_nodes(scattered), scattered->num_devices, each, &sorted), EPLB_SUCCESS);
  eplb_placement_t *p = job_plan(&job);
  job.topology = sorted;
  eplb_placement_t *q = job_plan(&job);
  for (int l = 0; l < LAYERS; l++)
    for (int d = 0; d < sorted->num_devices; d++)
      CU_ASSERT(!memcmp(p->physical_to_logical + l * p->num_slots + scattered->slot_begin[scattered->node_device[d]],
                        q->physical_to_logical + l * q->num_slots + sorted->slot_begin[d],
                        (size_t)each * sizeof(int32_t)));
  eplb_placement_destroy(&q);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&sorted);
  eplb_topology_destroy(&scattered);
}

static void scattered_ranks_get_what_sorted_ones_get(void) {
  shapes_try(1000, 5, check_scattered);
}

static void check_groups(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_SCATTERED | SHAPE_LEVELS, EPLB_POLICY_HIERARCHICAL, &job);
  eplb_placement_t *p = job_plan(&job);
  int size = job.experts / job.options.num_groups, nodes = eplb_topology_num_nodes(job.topology);
  for (int l = 0; l < LAYERS; l++) {
    int home[NAIVE_MAX_SLOTS], groups_of[SHAPE_MAX_DEVICES] = {0};
    memset(home, 0xff, sizeof home);
    for (int s = 0; s < p->num_slots; s++) {
      int group = p->physical_to_logical[l * p->num_slots + s] / size;
      int node = eplb_topology_node(job.topology, eplb_topology_device_of_slot(job.topology, s));
      groups_of[node] += home[group] < 0;
      home[group] = home[group] < 0 ? node : home[group];
      CU_ASSERT_EQUAL(home[group], node);
    }
    for (int n = 0; n < nodes; n++)
      CU_ASSERT_EQUAL(groups_of[n], job.options.num_groups / nodes);
  }
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void hierarchical_plans_keep_a_group_on_one_node(void) {
  shapes_try(1000, 6, check_groups);
}

static eplb_policy_t resolved_policy(const eplb_plan_options_t *options, const eplb_topology_t *t) {
  eplb_plan_options_t resolved;
  eplb_plan_options_init(&resolved);
  CU_ASSERT_EQUAL_FATAL(eplb_plan_resolve(options, t, &resolved), EPLB_SUCCESS);
  return resolved.policy;
}

/* The rule of the header, and the same plan as with the policy that it comes to. */
static void check_auto(rng_t *rng) {
  job_t job;
  job_make(rng, SHAPE_SCATTERED | (rng_between(rng, 0, 1) ? SHAPE_UNEVEN_NODES : SHAPE_PLAIN), EPLB_POLICY_GLOBAL,
           &job);
  const eplb_topology_t *t = job.topology;
  int nodes = eplb_topology_num_nodes(t), equal = 1;
  for (int n = 0; n < nodes; n++)
    equal &= (t->node_begin[n + 1] - t->node_begin[n]) * nodes == t->num_devices;
  int deals_out = equal && job.options.num_groups % nodes == 0;
  CU_ASSERT_EQUAL(resolved_policy(&job.options, t), EPLB_POLICY_GLOBAL);
  job.options.policy = EPLB_POLICY_AUTO;
  eplb_policy_t policy = resolved_policy(&job.options, t);
  CU_ASSERT_EQUAL(policy, deals_out ? EPLB_POLICY_HIERARCHICAL : EPLB_POLICY_GLOBAL);

  eplb_placement_t *p = NULL, *q = NULL;
  eplb_status_t status = plan_window(&job.options, t, eplb_windows_single(LAYERS, job.experts, job.load), NULL, &p);
  job.options.policy = policy;
  CU_ASSERT_EQUAL(status, plan_window(&job.options, t, eplb_windows_single(LAYERS, job.experts, job.load), NULL, &q));
  CU_ASSERT_EQUAL(status, deals_out && job.experts % job.options.num_groups ? EPLB_ERR_SHAPE : EPLB_SUCCESS);
  CU_ASSERT(status ? !p && !q : same_placement(p, q));
  eplb_placement_destroy(&q);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&job.topology);
}

static void auto_is_hierarchical_where_groups_deal_out(void) {
  shapes_try(2000, 7, check_auto);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"plans are valid, full and repeatable", plans_are_valid_full_and_repeatable},
      {"plans are those of the published algorithm", plans_are_those_of_the_published_algorithm},
      {"powers of two change no plan", powers_of_two_change_no_plan},
      {"negative zero is zero", negative_zero_is_zero},
      {"layers are planned each for itself", layers_are_planned_each_for_itself},
      {"scattered ranks get what sorted ones get", scattered_ranks_get_what_sorted_ones_get},
      {"hierarchical plans keep a group on one node", hierarchical_plans_keep_a_group_on_one_node},
      {"auto is hierarchical where groups deal out", auto_is_hierarchical_where_groups_deal_out},
      {NULL, NULL}};
  return tap_run("planner", tests);
}
