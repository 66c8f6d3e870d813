/* Placements by layer, as TensorRT-LLM and vLLM have them. */
#include "core/formats/json_value.h"
#include "core/formats/placement_in.h"
#include "core/formats/placement_map.h"
#include "core/util/alloc.h"
#include <errno.h>
#include <limits.h>

static const char key[] = "initial_global_assignments";

typedef struct row {
  int layer;
  json_t *slots; /* the document's */
} row_t;

static int by_layer(const void *a, const void *b) {
  const row_t *x = a, *y = b;
  return (x->layer > y->layer) - (x->layer < y->layer);
}

static eplb_status_t take_assignment_rows(const char *name, json_t *assignments, row_t *rows) {
  const char *text;
  json_t *slots;
  size_t count = 0;
  json_object_foreach(assignments, text, slots) {
    char *end;
    errno = 0;
    long layer = strtol(text, &end, 10);
    if (end == text || *end || errno || layer < 0 || layer > INT_MAX)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: %s has the key \"%s\"; expected a layer's number", name, key, text);
    rows[count++] = (row_t){(int)layer, slots};
  }
  qsort(rows, count, sizeof *rows, by_layer);
  for (size_t i = 1; i < count; i++)
    if (rows[i].layer == rows[i - 1].layer)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: %s has layer %d twice", name, key, rows[i].layer);
  return EPLB_SUCCESS;
}

/* The rows in the order of layers. */
static eplb_status_t build_placement(const char *name, const row_t *rows, size_t count, eplb_placement_file_t *file) {
  json_t *map = json_array();
  file->layer_id = EPLB_NEW(int, count);
  eplb_status_t status = map && file->layer_id ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (size_t i = 0; i < count && !status; i++) {
    file->layer_id[i] = rows[i].layer;
    status = json_array_append(map, rows[i].slots) ? EPLB_ERR_MEMORY : EPLB_SUCCESS;
  }
  if (status)
    eplb_fail(status, "out of memory for %s", name);
  else
    status = eplb_placement_from_map(name, key, map, &file->placement);
  json_decref(map);
  return status;
}

eplb_status_t eplb_placement_from_assignments(const char *name, const json_t *document, eplb_placement_file_t *file) {
  json_t *assignments = json_object_get(document, key), *num_slots = json_object_get(document, "num_slots");
  size_t count = json_object_size(assignments);
  if (count < 1 || count > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s is %s; expected an object with a row for each layer", name, key,
                     json_is_object(assignments) ? "empty" : eplb_json_type(assignments));
  row_t *rows = EPLB_NEW(row_t, count);
  if (!rows)
    return EPLB_ERR_MEMORY;
  eplb_status_t status = take_assignment_rows(name, assignments, rows);
  if (!status)
    status = build_placement(name, rows, count, file);
  free(rows);
  if (!status && num_slots && json_integer_value(num_slots) != file->placement->num_slots)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: num_slots is %lld, and the rows of %s have %d", name,
                       (long long)json_integer_value(num_slots), key, file->placement->num_slots);
  return status;
}
