/* Checks JSON values; each failure becomes one sentence: where, what was found, what was expected. */
#include "core/formats/json_value.h"
#include <limits.h>

const char *eplb_json_type(const json_t *value) {
  static const char *const names[] = {"an object", "an array", "a text", "a whole number",
                                      "a number",  "true",     "false",  "null"};
  return value ? names[json_typeof(value)] : "nothing";
}

eplb_status_t eplb_json_count(const char *name, const char *where, const json_t *array, const char *of, int *count) {
  size_t size = json_array_size(array);
  if (!json_is_array(array) || size < 1 || size > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s is %s; expected an array of %s", name, where,
                     !json_is_array(array) ? eplb_json_type(array)
                     : size                ? "too long"
                                           : "empty",
                     of);
  *count = (int)size;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_json_load_at(const char *name, const char *where, const json_t *array, int index, double *load) {
  const json_t *value = json_array_get(array, (size_t)index);
  double number = json_number_value(value);
  if (!json_is_number(value))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s[%d] is %s; expected a number", name, where, index, eplb_json_type(value));
  if (!(number >= 0 && number < 0x1p63))
    return eplb_fail(EPLB_ERR_LOADS, "%s: %s[%d] is %g; expected a load from 0 to below 2^63", name, where, index,
                     number);
  *load = number;
  return EPLB_SUCCESS;
}
