/* Loads in one document of JSON. */
#include "core/formats/json_value.h"
#include "core/formats/loads_in.h"
#include "core/formats/loads_physical.h"
#include "core/formats/loads_records.h"
#include "core/formats/placement_map.h"
#include <limits.h>

enum { PLACE_BYTES = 96 }; /* such as load_history[2147483647].logical_expert_load[2147483647] */

static const char what[] = "loads";

static eplb_status_t add_json_row(eplb_rows_t *rows, const char *where, int window, int layer, const json_t *row) {
  char place[PLACE_BYTES];
  int experts;
  double load;
  snprintf(place, sizeof place, "%s[%d]", where, layer);
  eplb_status_t status = eplb_json_count(rows->name, place, row, "loads of experts", &experts);
  for (int e = 0; !status && e < experts; e++) {
    status = eplb_json_load_at(rows->name, place, row, e, &load);
    if (!status)
      status = eplb_rows_add_load(rows, load);
  }
  return status ? status : eplb_rows_end_row(rows, window, layer, 0);
}

/* [layers][experts]. */
static eplb_status_t add_json_window(eplb_rows_t *rows, const char *where, int window, const json_t *layers) {
  int count;
  eplb_status_t status = eplb_json_count(rows->name, where, layers, "layers", &count);
  for (int l = 0; !status && l < count; l++)
    status = add_json_row(rows, where, window, l, json_array_get(layers, (size_t)l));
  return status;
}

/* [windows][layers][experts], or one window alone. */
static eplb_status_t add_windows(eplb_rows_t *rows, const char *where, const json_t *windows) {
  char place[PLACE_BYTES];
  int count;
  if (!json_is_array(json_array_get(json_array_get(windows, 0), 0)))
    return add_json_window(rows, where, 0, windows);
  eplb_status_t status = eplb_json_count(rows->name, where, windows, "windows", &count);
  for (int w = 0; !status && w < count; w++) {
    snprintf(place, sizeof place, "%s[%d]", where, w);
    status = add_json_window(rows, place, w, json_array_get(windows, (size_t)w));
  }
  return status;
}

/* [windows] of objects, each with its loads among other things. */
static eplb_status_t add_history(eplb_rows_t *rows, const json_t *history) {
  static const char key[] = "logical_expert_load";
  char place[PLACE_BYTES];
  int count;
  eplb_status_t status = eplb_json_count(rows->name, "load_history", history, "windows", &count);
  for (int w = 0; !status && w < count; w++) {
    snprintf(place, sizeof place, "load_history[%d].%s", w, key);
    status = add_json_window(rows, place, w, json_object_get(json_array_get(history, (size_t)w), key));
  }
  return status;
}

/* SGLang's recorder "per_pass": what each rank has routed in each forward pass. Ranks are added up; a pass is a
 * window. */
static eplb_status_t add_passes(eplb_rows_t *rows, const json_t *document, const json_t *records) {
  static const char map_key[] = "last_physical_to_logical_map";
  char place[PLACE_BYTES];
  int count;
  eplb_placement_t *p = NULL;
  rows->add_up = 1;
  eplb_status_t status = eplb_json_count(rows->name, "records", records, "forward passes", &count);
  if (!status)
    status = eplb_placement_from_map(rows->name, map_key, json_object_get(document, map_key), &p);
  for (int i = 0; !status && i < count; i++) {
    const json_t *record = json_array_get(records, (size_t)i), *pass = json_object_get(record, "forward_pass_id");
    json_int_t window = json_integer_value(pass);
    snprintf(place, sizeof place, "records[%d].global_physical_count", i);
    if (!json_is_integer(pass) || window < 0 || window > INT_MAX)
      status = eplb_fail(EPLB_ERR_FORMAT, "%s: records[%d].forward_pass_id is %s; expected a whole number from 0 to %d",
                         rows->name, i, json_is_integer(pass) ? "another" : eplb_json_type(pass), INT_MAX);
    else
      status = eplb_physical_add(rows, &(eplb_physical_t){rows->name, place, map_key, p, (int)window, 0},
                                 json_object_get(record, "global_physical_count"));
  }
  eplb_placement_destroy(&p);
  return status;
}

static eplb_status_t add_document(eplb_rows_t *rows, const json_t *document) {
  const json_t *count = json_object_get(document, "logical_count");
  const json_t *history = json_object_get(document, "load_history");
  const json_t *records = json_object_get(document, "records");
  if (json_is_array(document))
    return add_windows(rows, "the array", document);
  if (!!count + !!history + !!records > 1)
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s has more than one of \"logical_count\", \"load_history\" and \"records\"; expected one",
                     rows->name);
  if (count)
    return add_windows(rows, "logical_count", count);
  if (history)
    return add_history(rows, history);
  if (records)
    return add_passes(rows, document, records);
  return eplb_fail(EPLB_ERR_FORMAT,
                   "%s has no loads; expected \"logical_count\", \"load_history\", \"records\" or \"record_type\"",
                   rows->name);
}

static eplb_status_t read_json_stream(eplb_json_stream_t *stream, eplb_rows_t *rows) {
  json_t *first = NULL;
  int64_t line = 0;
  eplb_status_t status = eplb_json_next(stream, what, &first, &line);
  if (status)
    return status;
  if (json_object_get(first, "record_type"))
    return eplb_records_read(stream, first, line, rows);
  status = eplb_json_end(stream, what);
  if (!status)
    status = add_document(rows, first);
  json_decref(first);
  return status;
}

eplb_status_t eplb_loads_from_json(eplb_input_t *input, eplb_loads_t **loads) {
  eplb_json_stream_t stream = eplb_json_start(input);
  eplb_rows_t rows = {.name = input->name};
  eplb_status_t status = read_json_stream(&stream, &rows);
  if (!status)
    status = eplb_rows_assemble(&rows, loads);
  eplb_rows_free(&rows);
  return status;
}
