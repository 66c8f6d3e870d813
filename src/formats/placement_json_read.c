/* Reads back what placement_json.c writes. */
#include "core/memory.h"
#include "core/placement.h"
#include "formats/json_file.h"
#include <eplb/formats.h>
#include <limits.h>
#include <string.h>

typedef struct reader {
  const char *name; /* of the file, in sentences */
  json_t *map;
  int num_layers, num_experts, num_slots;
} reader_t;

static const char *type_of(const json_t *value) {
  static const char *const names[] = {"an object",       "an array", "a text", "a whole number",
                                      "a broken number", "true",     "false",  "null"};
  return value ? names[json_typeof(value)] : "nothing";
}

/* The shape: the rows of physical_to_logical_map, which have one length, and the largest expert number in them. */
static eplb_status_t find_shape(reader_t *r, const json_t *document) {
  r->map = json_object_get(document, "physical_to_logical_map");
  if (!json_is_array(r->map) || json_array_size(r->map) < 1 || json_array_size(r->map) > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: physical_to_logical_map is %s; expected an array with a row for each layer",
                     r->name, json_is_array(r->map) ? "empty" : type_of(r->map));
  r->num_layers = (int)json_array_size(r->map);
  json_int_t largest = -1;
  for (int l = 0; l < r->num_layers; l++) {
    json_t *row = json_array_get(r->map, (size_t)l);
    size_t slots = json_array_size(row);
    if (!json_is_array(row) || slots < 1 || slots > INT_MAX || (l > 0 && slots != (size_t)r->num_slots))
      return eplb_fail(EPLB_ERR_FORMAT, "%s: row %d of physical_to_logical_map has %zu slots; expected %d, as row 0",
                       r->name, l, slots, r->num_slots);
    r->num_slots = (int)slots;
    for (size_t s = 0; s < slots; s++) {
      json_t *expert = json_array_get(row, s);
      json_int_t number = json_integer_value(expert);
      if (!json_is_integer(expert) || number < EPLB_EMPTY || number >= r->num_slots)
        return eplb_fail(EPLB_ERR_FORMAT,
                         "%s: row %d, slot %zu of physical_to_logical_map is not an expert's number; expected -1 to %d",
                         r->name, l, s, r->num_slots - 1);
      largest = number > largest ? number : largest;
    }
  }
  r->num_experts = (int)largest + 1;
  return EPLB_SUCCESS;
}

static eplb_status_t fill(const reader_t *r, eplb_placement_t *p) {
  for (int l = 0; l < r->num_layers; l++)
    for (int s = 0; s < r->num_slots; s++)
      eplb_placement_row(p, l)[s] =
          (int32_t)json_integer_value(json_array_get(json_array_get(r->map, (size_t)l), (size_t)s));
  if (!eplb_placement_index(p))
    return EPLB_SUCCESS;
  char why[EPLB_ERROR_MAX];
  snprintf(why, sizeof why, "%s", eplb_last_error());
  return eplb_fail(EPLB_ERR_FORMAT, "%s: %s", r->name, why);
}

eplb_status_t eplb_placement_read_json(const char *path, eplb_placement_t **placement) {
  if (!path || !placement)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "placement" : "path");
  reader_t r = {.name = eplb_json_name(path)};
  json_t *document = NULL;
  eplb_placement_t *p = NULL;
  eplb_status_t status = eplb_json_load(path, "a placement", &document);
  if (!status)
    status = find_shape(&r, document);
  if (!status && r.num_experts < 1)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: all slots are empty; expected at least one expert", r.name);
  if (!status)
    status = eplb_placement_create(r.num_layers, r.num_experts, r.num_slots, &p);
  if (!status)
    status = fill(&r, p);
  json_decref(document);
  if (status) {
    eplb_placement_destroy(&p);
    return status;
  }
  *placement = p;
  return EPLB_SUCCESS;
}
