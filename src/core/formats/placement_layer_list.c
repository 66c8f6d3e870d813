/* Placements as vllm-ascend has them: by layer and device. Its loader uses positions, so the numbers must count from
 * 0. */
#include "core/formats/json_value.h"
#include "core/formats/placement_in.h"
#include "core/formats/placement_map.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <limits.h>

enum { PLACE_BYTES = 96 };

static const char key[] = "layer_list";

/* That a number, where there is one, is as expected. */
static eplb_status_t check_number(const char *name, const char *place, const json_t *object, const char *member,
                                  json_int_t expected) {
  const json_t *value = json_object_get(object, member);
  if (!value || (json_is_integer(value) && json_integer_value(value) == expected))
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_FORMAT, "%s: %s%s%s is %s; expected %lld", name, place, *place ? "." : "", member,
                   json_is_integer(value) ? "another number" : eplb_json_type(value), (long long)expected);
}

/* The experts of all devices of a layer, in the order of slots, appended to `row`. */
static eplb_status_t join_devices(const char *name, int index, const json_t *layer, int *devices, json_t *row) {
  char place[PLACE_BYTES];
  int count = 0, slots, slots_each = 0;
  const json_t *list = json_object_get(layer, "device_list");
  snprintf(place, sizeof place, "%s[%d].device_list", key, index);
  eplb_status_t status = eplb_json_count(name, place, list, "devices", &count);
  for (int d = 0; d < count && !status; d++) {
    const json_t *device = json_array_get(list, (size_t)d), *experts = json_object_get(device, "device_expert");
    snprintf(place, sizeof place, "%s[%d].device_list[%d]", key, index, d);
    status = check_number(name, place, device, "device_id", d);
    snprintf(place, sizeof place, "%s[%d].device_list[%d].device_expert", key, index, d);
    if (!status)
      status = eplb_json_count(name, place, experts, "experts", &slots);
    if (!status && d > 0 && slots != slots_each)
      status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %s; expected %d, as device 0", name, place,
                         eplb_count(slots, "expert"), slots_each);
    slots_each = slots;
    if (!status && json_array_extend(row, (json_t *)experts))
      status = eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s", name);
  }
  *devices = count;
  return status;
}

static eplb_status_t take_listed_layer(const char *name, int index, const json_t *layer, eplb_placement_file_t *file,
                                       json_t *row) {
  char place[PLACE_BYTES];
  int devices = 0, *id = file->layer_id + index;
  const json_t *number = json_object_get(layer, "layer_id");
  snprintf(place, sizeof place, "%s[%d]", key, index);
  *id = (int)json_integer_value(number);
  if (!json_is_integer(number) || json_integer_value(number) > INT_MAX || *id < 0 || (index > 0 && *id <= id[-1]))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s.layer_id is %s; expected numbers in ascending order", name, place,
                     json_is_integer(number) ? "another" : eplb_json_type(number));
  eplb_status_t status = join_devices(name, index, layer, &devices, row);
  if (!status)
    status = check_number(name, place, layer, "device_count", devices);
  if (!status && index > 0 && devices != file->num_devices)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: %s has %s; expected %d, as the first layer", name, place,
                       eplb_count(devices, "device"), file->num_devices);
  file->num_devices = devices;
  return status;
}

eplb_status_t eplb_placement_from_layer_list(const char *name, const json_t *document, eplb_placement_file_t *file) {
  const json_t *list = json_object_get(document, key);
  int layers = 0;
  eplb_status_t status = eplb_json_count(name, key, list, "layers", &layers);
  if (!status)
    status = check_number(name, "", document, "moe_layer_count", layers);
  if (status)
    return status;
  json_t *map = json_array();
  file->layer_id = EPLB_NEW(int, layers);
  status = map && file->layer_id ? EPLB_SUCCESS : eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s", name);
  for (int l = 0; l < layers && !status; l++) {
    json_t *row = json_array();
    if (json_array_append_new(map, row))
      status = eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s", name);
    else
      status = take_listed_layer(name, l, json_array_get(list, (size_t)l), file, row);
  }
  if (!status)
    status = eplb_placement_from_map(name, key, map, &file->placement);
  json_decref(map);
  return status;
}
