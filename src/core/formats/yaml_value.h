/* YAML as values of JSON: mappings are objects, sequences arrays, whole numbers integers, everything else is text. */
#ifndef EPLB_CORE_FORMATS_YAML_VALUE_H
#define EPLB_CORE_FORMATS_YAML_VALUE_H

#include "core/formats/input.h"
#include <jansson.h>

/* The file's only document, the caller's. `what` the file is to be goes into the sentence, e.g. "a placement".
 * EPLB_ERR_FORMAT names the line; anchors are refused, and values more than 16 deep; EPLB_ERR_IO; EPLB_ERR_MEMORY. */
eplb_status_t eplb_yaml_load(eplb_input_t *input, const char *what, json_t **document);

#endif
