/* Values of JSON, and the sentences about those that are others than they should be. */
#ifndef EPLB_CORE_FORMATS_JSON_VALUE_H
#define EPLB_CORE_FORMATS_JSON_VALUE_H

#include <eplb/status.h>
#include <jansson.h>

/* What a value is, in sentences: "an array", "null", ...; "nothing" for NULL. */
const char *eplb_json_type(const json_t *value);

/* The size of an array of at least one element. The sentence has the file's `name`, `where` the array is in it and what
 * it is an array `of`. EPLB_ERR_FORMAT. */
eplb_status_t eplb_json_count(const char *name, const char *where, const json_t *array, const char *of, int *count);

/* The load that array[index] is. EPLB_ERR_FORMAT: no number; EPLB_ERR_LOADS: none that can be. */
eplb_status_t eplb_json_load_at(const char *name, const char *where, const json_t *array, int index, double *load);

#endif
