/* Loads in JSON lines as vLLM writes them: each record of statistics is a window, and has the loads of physical experts
 * with the placement that they were measured under. */
#include "core/formats/loads_records.h"
#include "core/formats/json_value.h"
#include "core/formats/loads_physical.h"
#include "core/formats/placement_map.h"
#include <string.h>

/* A record in sentences: its file and line. */
enum { NAME_BYTES = 384 };

static eplb_status_t add_record_window(eplb_rows_t *rows, const json_t *record, int window, int64_t line) {
  const json_t *load = json_object_get(record, "expert_load"), *version = json_object_get(record, "version");
  char name[NAME_BYTES];
  eplb_placement_t *p = NULL;
  snprintf(name, sizeof name, "%.300s, line %lld", rows->name, (long long)line);
  if (json_integer_value(version) != 1)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: the record's version is not 1", name);
  eplb_status_t status = eplb_placement_from_map(name, "p2l_map", json_object_get(record, "p2l_map"), &p);
  if (!status)
    status = eplb_physical_add(rows, &(eplb_physical_t){name, "expert_load", "p2l_map", p, window, line}, load);
  eplb_placement_destroy(&p);
  return status;
}

/* Such a file may also have records of other types: vLLM's placements, or its benchmarks' marks. */
static eplb_status_t add_record(eplb_rows_t *rows, const json_t *record, int64_t line, int *windows) {
  const char *type = json_string_value(json_object_get(record, "record_type"));
  if (!type)
    return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: a record without a \"record_type\"", rows->name, (long long)line);
  return strcmp(type, "eplb_load_stats") ? EPLB_SUCCESS : add_record_window(rows, record, (*windows)++, line);
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
