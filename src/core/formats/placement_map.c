/* Parses a map as JSON, [layer][slot] of expert numbers, and finds its shape. */
#include "core/formats/placement_map.h"
#include "core/formats/json_value.h"
#include "core/model/placement.h"
#include "core/util/count.h"
#include <limits.h>

typedef struct reader {
  const char *name, *key;
  const json_t *map;
  int num_layers, num_experts, num_slots;
} reader_t;

/* The largest number of a row, if all of them can be experts. */
static eplb_status_t find_largest(const reader_t *r, int layer, const json_t *row, json_int_t *largest) {
  for (int s = 0; s < r->num_slots; s++) {
    const json_t *expert = json_array_get(row, (size_t)s);
    json_int_t number = json_integer_value(expert);
    if (!json_is_integer(expert) || number < EPLB_EMPTY || number >= r->num_slots)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: row %d, slot %d of %s is not an expert's number; expected -1 to %d",
                       r->name, layer, s, r->key, r->num_slots - 1);
    *largest = number > *largest ? number : *largest;
  }
  return EPLB_SUCCESS;
}

/* The shape: rows of one length, and the largest expert number in them. */
static eplb_status_t find_map_shape(reader_t *r) {
  if (!json_is_array(r->map) || json_array_size(r->map) < 1 || json_array_size(r->map) > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s is %s; expected an array with a row for each layer", r->name, r->key,
                     json_is_array(r->map) ? "empty" : eplb_json_type(r->map));
  r->num_layers = (int)json_array_size(r->map);
  json_int_t largest = -1;
  for (int l = 0; l < r->num_layers; l++) {
    const json_t *row = json_array_get(r->map, (size_t)l);
    size_t slots = json_array_size(row);
    if (!json_is_array(row) || slots < 1 || slots > INT_MAX || (l > 0 && slots != (size_t)r->num_slots))
      return eplb_fail(EPLB_ERR_FORMAT, "%s: row %d of %s has %s; expected %d, as row 0", r->name, l, r->key,
                       eplb_count(slots, "slot"), r->num_slots);
    r->num_slots = (int)slots;
    eplb_status_t status = find_largest(r, l, row, &largest);
    if (status)
      return status;
  }
  if (largest < 0)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: all slots are empty; expected at least one expert", r->name);
  r->num_experts = (int)largest + 1;
  return EPLB_SUCCESS;
}

static eplb_status_t fill_map(const reader_t *r, eplb_placement_t *p) {
  for (int l = 0; l < r->num_layers; l++)
    for (int s = 0; s < r->num_slots; s++)
      eplb_placement_row(p, l)[s] =
          (int32_t)json_integer_value(json_array_get(json_array_get(r->map, (size_t)l), (size_t)s));
  if (!eplb_placement_index(p))
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_FORMAT, "%s: %s", r->name, eplb_last_error());
}

eplb_status_t eplb_placement_from_map(const char *name, const char *key, const json_t *map,
                                      eplb_placement_t **placement) {
  reader_t r = {.name = name, .key = key, .map = map};
  eplb_placement_t *p = NULL;
  eplb_status_t status = find_map_shape(&r);
  if (!status)
    status = eplb_placement_create(r.num_layers, r.num_experts, r.num_slots, &p);
  if (!status)
    status = fill_map(&r, p);
  if (status)
    eplb_placement_destroy(&p);
  else
    *placement = p;
  return status;
}
