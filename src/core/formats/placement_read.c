/* Reads placements from a file of any supported format, which its keys show. */
#include "core/formats/json_file.h"
#include "core/formats/json_value.h"
#include "core/formats/placement_in.h"
#include "core/formats/placement_map.h"
#include "core/formats/yaml_value.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <limits.h>
#include <string.h>

static const char what[] = "a placement";

/* ---- ours, and SGLang's ---- */

/* The layers' numbers, where the file has one for each row. */
static eplb_status_t take_layer_ids(const char *name, const json_t *layers, eplb_placement_file_t *file) {
  size_t count = (size_t)file->placement->num_layers;
  if (!layers)
    return EPLB_SUCCESS;
  if (json_array_size(layers) != count)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: layers has %s; expected %zu, one for each row", name,
                     eplb_count(json_array_size(layers), "number"), count);
  file->layer_id = EPLB_NEW(int, count);
  if (!file->layer_id)
    return EPLB_ERR_MEMORY;
  for (size_t i = 0; i < count; i++) {
    const json_t *number = json_array_get(layers, i);
    json_int_t id = json_integer_value(number);
    if (!json_is_integer(number) || id < 0 || id > INT_MAX || (i > 0 && id <= file->layer_id[i - 1]))
      return eplb_fail(EPLB_ERR_FORMAT, "%s: layers[%zu] is %s; expected numbers in ascending order", name, i,
                       json_is_integer(number) ? "another" : eplb_json_type(number));
    file->layer_id[i] = (int)id;
  }
  return EPLB_SUCCESS;
}

static eplb_status_t from_map(const char *name, const json_t *document, eplb_placement_file_t *file) {
  static const char key[] = "physical_to_logical_map";
  const json_t *devices = json_object_get(json_object_get(document, "topology"), "num_devices");
  eplb_status_t status = eplb_placement_from_map(name, key, json_object_get(document, key), &file->placement);
  if (!status)
    status = take_layer_ids(name, json_object_get(document, "layers"), file);
  if (!status && json_integer_value(devices) > 0 && json_integer_value(devices) <= INT_MAX)
    file->num_devices = (int)json_integer_value(devices);
  return status;
}

/* ---- which it is ---- */

static eplb_status_t placement_of_document(const char *name, const json_t *document, eplb_placement_file_t *file) {
  static const struct {
    const char *key;
    eplb_status_t (*read)(const char *name, const json_t *document, eplb_placement_file_t *file);
  } form[] = {{"physical_to_logical_map", from_map},
              {"initial_global_assignments", eplb_placement_from_assignments},
              {"layer_list", eplb_placement_from_layer_list}};
  for (size_t i = 0; i < sizeof form / sizeof *form; i++)
    if (json_object_get(document, form[i].key))
      return form[i].read(name, document, file);
  return eplb_fail(EPLB_ERR_FORMAT,
                   "%s holds no placement; expected the key physical_to_logical_map, initial_global_assignments or "
                   "layer_list",
                   name);
}

/* Lines of vLLM: the first record of a placement. `record` is the first of all, and taken over. */
static eplb_status_t from_records(eplb_json_stream_t *stream, json_t *record, eplb_placement_file_t *file) {
  const char *name = stream->input->name;
  int64_t line;
  for (;;) {
    const char *type = json_string_value(json_object_get(record, "record_type"));
    int is_placement = type && !strcmp(type, "eplb_initial_mapping");
    eplb_status_t status = is_placement ? eplb_placement_from_assignments(name, record, file) : EPLB_SUCCESS;
    json_decref(record);
    record = NULL;
    if (!status && !is_placement)
      status = eplb_json_next(stream, what, &record, &line);
    if (!status && !is_placement && !record)
      return eplb_fail(EPLB_ERR_FORMAT, "%s has no record \"eplb_initial_mapping\"", name);
    if (status || is_placement)
      return status;
  }
}

static eplb_status_t from_json(eplb_input_t *input, eplb_placement_file_t *file) {
  eplb_json_stream_t stream = eplb_json_start(input);
  json_t *document = NULL;
  int64_t line;
  eplb_status_t status = eplb_json_next(&stream, what, &document, &line);
  if (status)
    return status;
  if (json_object_get(document, "record_type"))
    return from_records(&stream, document, file);
  status = eplb_json_end(&stream, what);
  if (!status)
    status = placement_of_document(input->name, document, file);
  json_decref(document);
  return status;
}

static eplb_status_t from_yaml(eplb_input_t *input, eplb_placement_file_t *file) {
  json_t *document = NULL;
  eplb_status_t status = eplb_yaml_load(input, what, &document);
  if (!status)
    status = placement_of_document(input->name, document, file);
  json_decref(document);
  return status;
}

eplb_status_t eplb_placement_from_input(eplb_input_t *input, eplb_placement_file_t **file) {
  eplb_placement_file_t *own = EPLB_NEW(eplb_placement_file_t, 1);
  if (!own)
    return EPLB_ERR_MEMORY;
  char first = eplb_input_first(input);
  eplb_status_t status = first == '{' || first == '[' ? from_json(input, own) : from_yaml(input, own);
  if (status)
    eplb_placement_file_destroy(&own);
  else
    *file = own;
  return status;
}

eplb_status_t eplb_placement_read(const char *path, eplb_placement_file_t **file) {
  eplb_input_t input;
  if (!path || !file)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "file" : "path");
  eplb_status_t status = eplb_input_open(path, &input);
  if (status)
    return status;
  status = eplb_placement_from_input(&input, file);
  eplb_input_close(&input);
  return status;
}

void eplb_placement_file_destroy(eplb_placement_file_t **file) {
  if (!file || !*file)
    return;
  eplb_placement_destroy(&(*file)->placement);
  free((*file)->layer_id);
  free(*file);
  *file = NULL;
}
