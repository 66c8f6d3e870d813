/* Loads in JSON lines as vLLM writes them: each record of statistics is a window, and has the loads of physical experts
 * with the placement that they were measured under. */
#include "core/formats/loads_records.h"
#include "core/formats/json_value.h"
#include "core/formats/placement_map.h"
#include <string.h>

/* A record in sentences: its file and line. */
enum { NAME_BYTES = 384 };

/* One layer: the loads of an expert's replicas added up. Rows of the placement and of `load` have one length. */
static eplb_status_t add_row(eplb_rows_t *rows, const char *name, const eplb_placement_t *p, int layer, int window,
                             int64_t line, const json_t *load) {
  const int32_t *map = p->physical_to_logical + (size_t)layer * (size_t)p->num_slots;
  char where[48];
  int slots = 0;
  snprintf(where, sizeof where, "expert_load[%d]", layer);
  eplb_status_t status = eplb_json_count(name, where, load, "loads of physical experts", &slots);
  if (!status && slots != p->num_slots)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %d loads; expected %d, as p2l_map has", name, where, slots,
                       p->num_slots);
  size_t first = rows->num_loads;
  for (int e = 0; !status && e < p->num_experts; e++)
    status = eplb_rows_add_load(rows, 0);
  for (int s = 0; !status && s < slots; s++) {
    double one;
    status = eplb_json_load_at(name, where, load, s, &one);
    if (!status && map[s] != EPLB_EMPTY)
      rows->load[first + (size_t)map[s]] += one;
    else if (!status && one > 0)
      status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s[%d] is %g, and the slot is empty; expected 0", name, where, s, one);
  }
  return status ? status : eplb_rows_end_row(rows, window, layer, line);
}

static eplb_status_t add_window(eplb_rows_t *rows, const json_t *record, int window, int64_t line) {
  const json_t *load = json_object_get(record, "expert_load"), *version = json_object_get(record, "version");
  char name[NAME_BYTES];
  eplb_placement_t *p = NULL;
  int layers;
  snprintf(name, sizeof name, "%.300s, line %lld", rows->name, (long long)line);
  if (json_integer_value(version) != 1)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: the record's version is not 1", name);
  eplb_status_t status = eplb_json_count(name, "expert_load", load, "layers", &layers);
  if (!status)
    status = eplb_placement_from_map(name, "p2l_map", json_object_get(record, "p2l_map"), &p);
  if (!status && layers != p->num_layers)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: expert_load has %d layers; expected %d, as p2l_map has", name, layers,
                       p->num_layers);
  for (int l = 0; !status && l < layers; l++)
    status = add_row(rows, name, p, l, window, line, json_array_get(load, (size_t)l));
  eplb_placement_destroy(&p);
  return status;
}

/* Such a file may also have records of other types: vLLM's placements, or its benchmarks' marks. */
static eplb_status_t add_record(eplb_rows_t *rows, const json_t *record, int64_t line, int *windows) {
  const char *type = json_string_value(json_object_get(record, "record_type"));
  if (!type)
    return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: a record without a \"record_type\"", rows->name, (long long)line);
  return strcmp(type, "eplb_load_stats") ? EPLB_SUCCESS : add_window(rows, record, (*windows)++, line);
}

eplb_status_t eplb_records_read(eplb_json_stream_t *stream, json_t *first, int64_t line, eplb_rows_t *rows) {
  json_t *record = first;
  eplb_status_t status = EPLB_SUCCESS;
  int windows = 0;
  while (!status && record) {
    status = add_record(rows, record, line, &windows);
    json_decref(record);
    record = NULL;
    if (!status)
      status = eplb_json_next(stream, "records of loads", &record, &line);
    if (status == EPLB_ERR_FORMAT && stream->cut_off && windows > 0) {
      rows->cut_off = 1;
      status = EPLB_SUCCESS;
    }
  }
  if (!status && windows == 0)
    status =
        eplb_fail(EPLB_ERR_FORMAT, "%s has no record of loads; expected one of type \"eplb_load_stats\"", rows->name);
  return status;
}
