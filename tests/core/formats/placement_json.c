#include "folder.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/formats.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 4, MAX_LOADS = MAX_LAYERS * 400, EMPTY_PERCENT = 30 };

/* A placement on a topology with all that a file says of it. */
typedef struct job {
  eplb_topology_t *topology;
  eplb_placement_t *placement;
  double layer[MAX_LAYERS], bound[MAX_LAYERS];
  int layer_id[MAX_LAYERS];
  eplb_plan_record_t record;
} job_t;

static void measure(rng_t *rng, job_t *job) {
  double load[MAX_LOADS];
  const eplb_placement_t *p = job->placement;
  CU_ASSERT_FATAL(p->num_layers * p->num_experts <= MAX_LOADS);
  random_loads(rng, (size_t)(p->num_layers * p->num_experts), load);
  job->record.balancedness = eplb_balancedness_mean(job->topology, p, load, job->layer);
  for (int l = 0; l < p->num_layers; l++) {
    CU_ASSERT_EQUAL(eplb_balancedness_bound(job->topology, p->num_experts, load + l * p->num_experts, &job->bound[l]),
                    EPLB_SUCCESS);
    job->layer_id[l] = 3 * l + rng_between(rng, 0, 2);
  }
}

static void job_make(rng_t *rng, job_t *job) {
  job->topology = random_topology(rng, SHAPE_ANY);
  int slots = eplb_topology_num_slots(job->topology), experts = rng_between(rng, 1, slots);
  job->placement = random_placement(rng, rng_between(rng, 1, MAX_LAYERS), experts, slots, EMPTY_PERCENT);
  job->record = (eplb_plan_record_t){.size = sizeof(eplb_plan_record_t),
                                     .topology = job->topology,
                                     .placement = job->placement,
                                     .layer_id = rng_between(rng, 0, 1) ? job->layer_id : NULL,
                                     .planner = EPLB_PLANNER_DEEPSEEK,
                                     .policy = rng_between(rng, 0, 1) ? EPLB_POLICY_GLOBAL : EPLB_POLICY_HIERARCHICAL,
                                     .num_groups = rng_between(rng, 1, 8),
                                     .layer_balancedness = job->layer,
                                     .layer_bound = rng_between(rng, 0, 1) ? job->bound : NULL};
  measure(rng, job);
}

static void job_free(job_t *job) {
  eplb_placement_destroy(&job->placement);
  eplb_topology_destroy(&job->topology);
}

static json_t *load_json(const char *path) {
  json_error_t error;
  json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!object)
    printf("# %s:%d: %s\n", path, error.line, error.text);
  CU_ASSERT_FATAL(json_is_object(object));
  return object;
}

/* Writes a random placement, reads the file and lets `check` compare; the number of trials is for all checks alike. */
static void try_files(uint64_t seed, void (*check)(rng_t *rng)) {
  shapes_try(200, seed, check);
  CU_ASSERT_EQUAL(folder_count(), 1); /* nothing left beside it */
}

static json_t *job_written(rng_t *rng, job_t *job) {
  const char *path = folder_path("placement.json");
  job_make(rng, job);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_write_json(path, &job->record), EPLB_SUCCESS);
  return load_json(path);
}

static long long integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  CU_ASSERT(json_is_integer(value));
  return json_integer_value(value);
}

static const char *string(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  CU_ASSERT_FATAL(json_is_string(value));
  return json_string_value(value);
}

/* A member that is an array of `size`. */
static const json_t *array(const json_t *object, const char *key, int size) {
  const json_t *value = json_object_get(object, key);
  CU_ASSERT_FATAL(json_is_array(value) && json_array_size(value) == (size_t)size);
  return value;
}

static void check_integers(const json_t *row, int count, const int32_t *value) {
  CU_ASSERT_FATAL(json_is_array(row) && json_array_size(row) == (size_t)count);
  for (int i = 0; i < count; i++) {
    CU_ASSERT(json_is_integer(json_array_get(row, (size_t)i)));
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(row, (size_t)i)), value[i]);
  }
}

static void check_reals(const json_t *row, int count, const double *value) {
  for (int i = 0; i < count; i++) {
    CU_ASSERT(json_is_real(json_array_get(row, (size_t)i)));
    CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_array_get(row, (size_t)i)), value[i], 1e-9);
  }
}

static void check_shape(rng_t *rng) {
  job_t job;
  json_t *object = job_written(rng, &job);
  CU_ASSERT_EQUAL(integer(object, "version"), 1);
  CU_ASSERT_EQUAL(integer(object, "num_layers"), job.placement->num_layers);
  CU_ASSERT_EQUAL(integer(object, "num_experts"), job.placement->num_experts);
  CU_ASSERT_EQUAL(integer(object, "num_slots"), job.placement->num_slots);
  CU_ASSERT_EQUAL(integer(object, "num_groups"), job.record.num_groups);
  CU_ASSERT_STRING_EQUAL(string(object, "planner"), eplb_plan_name("planner", (int)job.record.planner));
  CU_ASSERT_STRING_EQUAL(string(object, "policy"), eplb_plan_name("policy", (int)job.record.policy));
  const json_t *layers = array(object, "layers", job.placement->num_layers);
  for (int l = 0; l < job.placement->num_layers; l++)
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(layers, (size_t)l)), job.record.layer_id ? job.layer_id[l] : l);
  json_decref(object);
  job_free(&job);
}

static void shape_and_making_are_told(void) {
  try_files(1, check_shape);
}

static void check_slots(rng_t *rng) {
  job_t job;
  json_t *object = job_written(rng, &job);
  const eplb_placement_t *p = job.placement;
  const json_t *slots = array(object, "physical_to_logical_map", p->num_layers),
               *counts = array(object, "logical_replica_count", p->num_layers);
  for (int l = 0; l < p->num_layers; l++) {
    check_integers(json_array_get(slots, (size_t)l), p->num_slots, p->physical_to_logical + l * p->num_slots);
    check_integers(json_array_get(counts, (size_t)l), p->num_experts, p->logical_replica_count + l * p->num_experts);
  }
  json_decref(object);
  job_free(&job);
}

static void slots_and_counts_are_those_of_the_placement(void) {
  try_files(2, check_slots);
}

/* The replicas of one expert as the placement's own inverse has them, then -1. */
static void check_replicas(const json_t *row, const eplb_placement_t *p, int layer, int expert, int width) {
  const int32_t *slot = p->replica_slot + layer * p->num_slots;
  int begin = p->replica_begin[layer * (p->num_experts + 1) + expert],
      count = p->logical_replica_count[layer * p->num_experts + expert];
  CU_ASSERT_FATAL(json_is_array(row) && json_array_size(row) == (size_t)width);
  for (int k = 0; k < width; k++)
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(row, (size_t)k)), k < count ? slot[begin + k] : -1);
}

static void check_inverse(rng_t *rng) {
  job_t job;
  json_t *object = job_written(rng, &job);
  const eplb_placement_t *p = job.placement;
  const json_t *map = array(object, "logical_to_physical_map", p->num_layers);
  for (int l = 0; l < p->num_layers; l++) {
    const json_t *layer = json_array_get(map, (size_t)l);
    CU_ASSERT_EQUAL_FATAL(json_array_size(layer), (size_t)p->num_experts);
    for (int e = 0; e < p->num_experts; e++)
      check_replicas(json_array_get(layer, (size_t)e), p, l, e, eplb_placement_max_replicas(p));
  }
  json_decref(object);
  job_free(&job);
}

static void the_inverse_is_padded(void) {
  try_files(3, check_inverse);
}

static void check_balancedness(rng_t *rng) {
  job_t job;
  json_t *object = job_written(rng, &job);
  int layers = job.placement->num_layers;
  const json_t *balance = json_object_get(object, "balancedness");
  CU_ASSERT_FATAL(json_is_object(balance) && json_is_real(json_object_get(balance, "mean")));
  CU_ASSERT_DOUBLE_EQUAL(json_real_value(json_object_get(balance, "mean")), job.record.balancedness, 1e-9);
  check_reals(array(balance, "layers", layers), layers, job.layer);
  if (job.record.layer_bound)
    check_reals(array(balance, "bound", layers), layers, job.bound);
  else
    CU_ASSERT_PTR_NULL(json_object_get(balance, "bound"));
  json_decref(object);
  job_free(&job);
}

static void balancedness_is_told_by_layer_and_as_a_mean(void) {
  try_files(4, check_balancedness);
}

static void check_topology(rng_t *rng) {
  job_t job;
  json_t *object = job_written(rng, &job);
  const eplb_topology_t *t = job.topology;
  const json_t *told = json_object_get(object, "topology"), *node = array(told, "node_of_device", t->num_devices),
               *slots = array(told, "slots_of_device", t->num_devices);
  CU_ASSERT_EQUAL(integer(told, "num_devices"), t->num_devices);
  CU_ASSERT_EQUAL(integer(told, "num_nodes"), eplb_topology_num_nodes(t));
  CU_ASSERT(json_is_false(json_object_get(told, "declared"))); /* as all random topologies */
  for (int d = 0; d < t->num_devices; d++) {
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(node, (size_t)d)), eplb_topology_node(t, d));
    CU_ASSERT_EQUAL(json_integer_value(json_array_get(slots, (size_t)d)), t->slot_begin[d + 1] - t->slot_begin[d]);
  }
  json_decref(object);
  job_free(&job);
}

static void the_topology_is_told(void) {
  try_files(5, check_topology);
}

/* Four experts in six slots of two declared nodes, each a device. */
static void small_job(job_t *job) {
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 2, 3, &job->topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 4, 6, &job->placement), EPLB_SUCCESS);
  job->layer[0] = .75;
  job->record = (eplb_plan_record_t){.size = sizeof(eplb_plan_record_t),
                                     .topology = job->topology,
                                     .placement = job->placement,
                                     .planner = EPLB_PLANNER_DEEPSEEK,
                                     .policy = EPLB_POLICY_GLOBAL,
                                     .num_groups = 1,
                                     .balancedness = .75,
                                     .layer_balancedness = job->layer};
}

static eplb_status_t write_small(const char *path) {
  job_t job;
  small_job(&job);
  eplb_status_t status = eplb_placement_write_json(path, &job.record);
  job_free(&job);
  return status;
}

static void a_member_is_a_line(void) {
  size_t size;
  const char *path = folder_path("placement.json");
  CU_ASSERT_EQUAL_FATAL(write_small(path), EPLB_SUCCESS);
  char *text = folder_get(path, &size);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\n\"version\": 1,\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n\"physical_to_logical_map\": [[0,1,2,3,0,1]],\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n\"logical_replica_count\": [[2,2,1,1]],\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n\"logical_to_physical_map\": [[[0,4],[1,5],[2,-1],[3,-1]]]\n}\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"declared\":true"));
  free(text);
}

/* A checkpoint of a session's placement knows no balancedness. */
static void balancedness_need_not_be_known(void) {
  job_t job;
  const char *path = folder_path("checkpoint.json");
  small_job(&job);
  job.record.layer_balancedness = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_write_json(path, &job.record), EPLB_SUCCESS);
  json_t *object = load_json(path);
  CU_ASSERT_PTR_NULL(json_object_get(object, "balancedness"));
  json_decref(object);
  eplb_placement_file_t *read = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_read(path, &read), EPLB_SUCCESS);
  CU_ASSERT(same_placement(read->placement, job.placement));
  eplb_placement_file_destroy(&read);
  TAP_FAILS(eplb_placement_write_json(path, NULL), EPLB_ERR_ARGUMENT, "record is NULL");
  job.record.topology = NULL;
  TAP_FAILS(eplb_placement_write_json(path, &job.record), EPLB_ERR_ARGUMENT, "record->topology is NULL");
  job_free(&job);
}

/* Far more than fits into any buffer, so that the failure comes before the end. */
static eplb_status_t write_large(const char *path) {
  job_t job = {.topology = NULL};
  double balance[60] = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(4, 32, 9, &job.topology), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(60, 256, 288, &job.placement), EPLB_SUCCESS);
  job.record = (eplb_plan_record_t){.size = sizeof(eplb_plan_record_t),
                                    .topology = job.topology,
                                    .placement = job.placement,
                                    .planner = EPLB_PLANNER_DEEPSEEK,
                                    .policy = EPLB_POLICY_GLOBAL,
                                    .num_groups = 1,
                                    .layer_balancedness = balance};
  eplb_status_t status = eplb_placement_write_json(path, &job.record);
  job_free(&job);
  return status;
}

static void files_that_cannot_be_written(void) {
  folder_check_writing(write_small);
  folder_check_writing(write_large);
  TAP_FAILS(write_small(NULL), EPLB_ERR_ARGUMENT, "path is NULL");
}

static void a_new_file_replaces_the_old_one(void) {
  const char *path = folder_put("placement.json", "old", 3);
  int before = folder_count();
  CU_ASSERT_EQUAL(write_small(path), EPLB_SUCCESS);
  json_decref(load_json(path));
  CU_ASSERT_EQUAL(folder_count(), before);
}

/* How many allocations jansson still gets. */
static int allocations_left;

static void *scarce_malloc(size_t size) {
  return allocations_left-- > 0 ? malloc(size) : NULL;
}

static eplb_status_t write_with(int allocations, const char *path, const eplb_plan_record_t *record) {
  allocations_left = allocations;
  json_set_alloc_funcs(scarce_malloc, free);
  eplb_status_t status = eplb_placement_write_json(path, record);
  json_set_alloc_funcs(malloc, free);
  return status;
}

/* With one allocation more each time, until there are enough: no file before that, and then a whole one. */
static void without_memory_there_is_no_file(void) {
  enum { ENOUGH = 100000 };
  const char *path = folder_path("scarce.json"), *whole = folder_path("placement.json");
  eplb_status_t status = EPLB_ERR_MEMORY;
  job_t job;
  small_job(&job);
  job.record.layer_bound = job.layer;
  CU_ASSERT_EQUAL(eplb_placement_write_json(whole, &job.record), EPLB_SUCCESS);
  int before = folder_count(), allocations = 0;
  for (; status == EPLB_ERR_MEMORY && allocations < ENOUGH; allocations++) {
    status = write_with(allocations, path, &job.record);
    CU_ASSERT_EQUAL(folder_count(), before + (status == EPLB_SUCCESS));
  }
  CU_ASSERT_EQUAL_FATAL(status, EPLB_SUCCESS);
  CU_ASSERT(allocations > 50);
  json_t *a = load_json(path), *b = load_json(whole);
  CU_ASSERT(json_equal(a, b));
  json_decref(a);
  json_decref(b);
  remove(path);
  job_free(&job);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"shape and making are told", shape_and_making_are_told},
      {"slots and counts are those of the placement", slots_and_counts_are_those_of_the_placement},
      {"the inverse is padded", the_inverse_is_padded},
      {"balancedness is told by layer and as a mean", balancedness_is_told_by_layer_and_as_a_mean},
      {"the topology is told", the_topology_is_told},
      {"balancedness need not be known", balancedness_need_not_be_known},
      {"a member is a line", a_member_is_a_line},
      {"files that cannot be written", files_that_cannot_be_written},
      {"a new file replaces the old one", a_new_file_replaces_the_old_one},
      {"without memory there is no file", without_memory_there_is_no_file},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("placement_json", tests);
  folder_remove();
  return failed;
}
