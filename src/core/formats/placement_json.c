/* Writes a placement as JSON: its maps, topology and balancedness. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/output.h"
#include "core/util/sized.h"
#include <eplb/formats.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

enum { VERSION = 1 };

/* The array with one more value. NULL without memory, as all of these, which also take NULL for what came before. */
static json_t *append(json_t *array, json_t *value) {
  if (json_array_append_new(array, value) == 0)
    return array;
  json_decref(array);
  return NULL;
}

/* [rows][columns] of integers. */
static json_t *json_of_matrix(const int32_t *value, int rows, int columns) {
  json_t *array = json_array();
  for (int r = 0; array && r < rows; r++) {
    json_t *row = json_array();
    for (int c = 0; row && c < columns; c++)
      row = append(row, json_integer(*value++));
    array = append(array, row);
  }
  return array;
}

/* null for NAN, the balance of a layer without load. */
static json_t *json_of_real(double value) {
  return isnan(value) ? json_null() : json_real(value);
}

static json_t *reals(const double *value, int count) {
  json_t *array = json_array();
  for (int i = 0; array && i < count; i++)
    array = append(array, json_of_real(value[i]));
  return array;
}

static json_t *padded_inverse(const eplb_placement_t *p) {
  int width = eplb_placement_max_replicas(p);
  size_t rows = (size_t)p->num_layers * (size_t)p->num_experts;
  int32_t *map = EPLB_NEW(int32_t, rows * (size_t)width);
  json_t *array = map ? json_array() : NULL;
  if (array) {
    eplb_placement_logical_to_physical(p, width, map);
    for (int l = 0; array && l < p->num_layers; l++)
      array = append(array,
                     json_of_matrix(map + (size_t)l * (size_t)p->num_experts * (size_t)width, p->num_experts, width));
  }
  free(map);
  return array;
}

static json_t *layer_numbers(const eplb_plan_record_t *r) {
  json_t *array = json_array();
  for (int l = 0; array && l < r->placement->num_layers; l++)
    array = append(array, json_integer(r->layer_id ? r->layer_id[l] : l));
  return array;
}

static json_t *json_of_devices(const eplb_topology_t *t) {
  json_t *node = json_array(), *slots = json_array();
  for (int d = 0; d < t->num_devices; d++) {
    node = append(node, json_integer(eplb_topology_node(t, d)));
    slots = append(slots, json_integer(t->slot_begin[d + 1] - t->slot_begin[d]));
  }
  return json_pack("{s:i, s:i, s:b, s:o, s:o}", "num_nodes", eplb_topology_num_nodes(t), "num_devices", t->num_devices,
                   "declared", t->declared, "node_of_device", node, "slots_of_device", slots);
}

static json_t *balancedness(const eplb_plan_record_t *r) {
  int layers = r->placement->num_layers;
  int idle = 0;
  for (int l = 0; l < layers; l++)
    idle += isnan(r->layer_balancedness[l]);
  json_t *balance = json_pack("{s:o, s:o, s:i}", "mean", json_of_real(r->balancedness), "layers",
                              reals(r->layer_balancedness, layers), "layers_without_load", idle);
  if (balance && r->layer_bound && json_object_set_new(balance, "bound", reals(r->layer_bound, layers))) {
    json_decref(balance);
    return NULL;
  }
  return balance;
}

static json_t *document(const eplb_plan_record_t *r) {
  const eplb_placement_t *p = r->placement;
  json_t *balance = r->layer_balancedness ? balancedness(r) : NULL;
  if (r->layer_balancedness && !balance)
    return NULL;
  char digest[24];
  snprintf(digest, sizeof digest, "%016" PRIx64, eplb_placement_digest(p));
  json_t *object = json_pack(
      "{s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:o, s:o*, s:o, s:o, s:o, s:o}", "version", VERSION, "num_layers",
      p->num_layers, "num_experts", p->num_experts, "num_slots", p->num_slots, "num_groups", r->num_groups, "planner",
      eplb_plan_name("planner", (int)r->planner), "policy", eplb_plan_name("policy", (int)r->policy),
      "placement_digest", digest, "topology", json_of_devices(r->topology), "balancedness", balance, "layers",
      layer_numbers(r), "physical_to_logical_map", json_of_matrix(p->physical_to_logical, p->num_layers, p->num_slots),
      "logical_replica_count", json_of_matrix(p->logical_replica_count, p->num_layers, p->num_experts),
      "logical_to_physical_map", padded_inverse(p));
  if (!object || !r->transfers)
    return object;
  json_t *transfers =
      json_pack("{s:I, s:I, s:I}", "within_gpu", (json_int_t)r->transfers[EPLB_LINK_DEVICE], "within_node",
                (json_int_t)r->transfers[EPLB_LINK_NODE], "across_nodes", (json_int_t)r->transfers[EPLB_LINK_NETWORK]);
  if (json_object_set_new(object, "transfers", transfers)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

static eplb_status_t placement_out_of_memory(const eplb_placement_t *p) {
  return eplb_fail(EPLB_ERR_MEMORY, "out of memory for the JSON of %s of %s", eplb_count(p->num_layers, "layer"),
                   eplb_count(p->num_slots, "slot"));
}

/* One member a line, so that people can find their way in it, each compact. Nonzero without memory; other failures the
 * file remembers. */
static int write_members(FILE *file, json_t *object) {
  int bad = 0;
  const char *key;
  json_t *value;
  const char *separator = "{";

  json_object_foreach(object, key, value) {
    fprintf(file, "%s\n\"%s\": ", separator, key);
    bad |= json_dumpf(value, file, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10)) && !ferror(file);
    separator = ",";
  }
  fputs("\n}\n", file);
  return bad;
}

static eplb_status_t take_record(const char *path, const eplb_plan_record_t *given, eplb_plan_record_t *record) {
  if (!path)
    return eplb_fail(EPLB_ERR_ARGUMENT, "path is NULL");
  eplb_plan_record_init(record);
  eplb_status_t status = eplb_sized_take("plan_record", sizeof *record, given, record);
  if (!status && (!record->topology || !record->placement))
    status = eplb_fail(EPLB_ERR_ARGUMENT, "record->%s is NULL; expected a record with a topology and a placement",
                       record->topology ? "placement" : "topology");
  return status;
}

eplb_status_t eplb_placement_write_json(const char *path, const eplb_plan_record_t *given) {
  eplb_plan_record_t own;
  const eplb_plan_record_t *record = &own;
  eplb_output_t output;
  eplb_status_t status = take_record(path, given, &own);
  if (status)
    return status;
  json_t *object = document(record);
  if (!object)
    return placement_out_of_memory(record->placement);
  status = eplb_output_open(path, &output);
  if (!status) {
    if (write_members(output.file, object))
      status = placement_out_of_memory(record->placement);
    status = eplb_output_close(&output, status);
  }
  json_decref(object);
  return status;
}
