#include "core/memory.h"
#include "formats/output.h"
#include <eplb/formats.h>
#include <jansson.h>

enum { VERSION = 1 };

/* [rows][columns] of integers. NULL without memory, as all of these. */
static json_t *integers(const int32_t *value, int rows, int columns) {
  json_t *array = json_array();
  for (int r = 0; array && r < rows; r++) {
    json_t *row = json_array();
    for (int c = 0; c < columns; c++)
      json_array_append_new(row, json_integer(*value++));
    json_array_append_new(array, row);
  }
  return array;
}

static json_t *reals(const double *value, int count) {
  json_t *array = json_array();
  for (int i = 0; i < count; i++)
    json_array_append_new(array, json_real(value[i]));
  return array;
}

static json_t *padded_inverse(const eplb_placement_t *p) {
  int width = eplb_placement_max_replicas(p);
  size_t rows = (size_t)p->num_layers * (size_t)p->num_experts;
  int32_t *map = EPLB_NEW(int32_t, rows * (size_t)width);
  json_t *array = map ? json_array() : NULL;
  if (array) {
    eplb_placement_logical_to_physical(p, width, map);
    for (int l = 0; l < p->num_layers; l++)
      json_array_append_new(array,
                            integers(map + (size_t)l * (size_t)p->num_experts * (size_t)width, p->num_experts, width));
  }
  free(map);
  return array;
}

static json_t *layer_numbers(const eplb_plan_record_t *r) {
  json_t *array = json_array();
  for (int l = 0; l < r->placement->num_layers; l++)
    json_array_append_new(array, json_integer(r->layer_id ? r->layer_id[l] : l));
  return array;
}

static json_t *topology(const eplb_topology_t *t) {
  json_t *node = json_array(), *slots = json_array();
  for (int d = 0; d < t->num_devices; d++) {
    json_array_append_new(node, json_integer(eplb_topology_node(t, d)));
    json_array_append_new(slots, json_integer(t->slot_begin[d + 1] - t->slot_begin[d]));
  }
  return json_pack("{s:i, s:i, s:b, s:o, s:o}", "num_nodes", eplb_topology_num_nodes(t), "num_devices", t->num_devices,
                   "declared", t->declared, "node_of_device", node, "slots_of_device", slots);
}

static json_t *document(const eplb_plan_record_t *r) {
  const eplb_placement_t *p = r->placement;
  json_t *balance =
      json_pack("{s:f, s:o}", "mean", r->balancedness, "layers", reals(r->layer_balancedness, p->num_layers));
  if (balance && r->layer_bound)
    json_object_set_new(balance, "bound", reals(r->layer_bound, p->num_layers));
  json_t *object = json_pack(
      "{s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", VERSION, "num_layers",
      p->num_layers, "num_experts", p->num_experts, "num_slots", p->num_slots, "num_groups", r->num_groups, "planner",
      eplb_planner_name(r->planner), "policy", eplb_policy_name(r->policy), "topology", topology(r->topology),
      "balancedness", balance, "layers", layer_numbers(r), "physical_to_logical_map",
      integers(p->physical_to_logical, p->num_layers, p->num_slots), "logical_replica_count",
      integers(p->logical_replica_count, p->num_layers, p->num_experts), "logical_to_physical_map", padded_inverse(p));
  if (object && r->transfers)
    json_object_set_new(object, "transfers",
                        json_pack("{s:I, s:I, s:I}", "within_gpu", (json_int_t)r->transfers[EPLB_LINK_DEVICE],
                                  "within_node", (json_int_t)r->transfers[EPLB_LINK_NODE], "across_nodes",
                                  (json_int_t)r->transfers[EPLB_LINK_NETWORK]));
  return object;
}

/* One member a line, so that people can find their way in it, each compact. */
static void write_members(FILE *file, json_t *object) {
  const char *key;
  json_t *value;
  const char *separator = "{";

  json_object_foreach(object, key, value) {
    fprintf(file, "%s\n\"%s\": ", separator, key);
    json_dumpf(value, file, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
    separator = ",";
  }
  fputs("\n}\n", file);
}

eplb_status_t eplb_placement_write_json(const char *path, const eplb_plan_record_t *record) {
  json_t *object = document(record);
  if (!object)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for the JSON of %d layers of %d slots",
                     record->placement->num_layers, record->placement->num_slots);
  eplb_output_t output;
  eplb_status_t status = eplb_output_open(path, &output);
  if (!status) {
    write_members(output.file, object); /* what fails there, the file remembers */
    status = eplb_output_close(&output, EPLB_SUCCESS);
  }
  json_decref(object);
  return status;
}
