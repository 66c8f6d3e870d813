/* Reads back what placement_json.c writes. */
#include "core/formats/json_file.h"
#include "core/formats/placement_map.h"
#include <eplb/formats.h>

eplb_status_t eplb_placement_read_json(const char *path, eplb_placement_t **placement) {
  static const char key[] = "physical_to_logical_map";
  if (!path || !placement)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "placement" : "path");
  json_t *document = NULL;
  eplb_status_t status = eplb_json_load(path, "a placement", &document);
  if (!status)
    status = eplb_placement_from_map(eplb_input_name(path), key, json_object_get(document, key), placement);
  json_decref(document);
  return status;
}
