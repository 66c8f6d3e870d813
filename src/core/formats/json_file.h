/* Files of JSON: one document, or one after another. */
#ifndef EPLB_CORE_FORMATS_JSON_FILE_H
#define EPLB_CORE_FORMATS_JSON_FILE_H

#include "core/formats/input.h"
#include <jansson.h>
#include <stdint.h>

/* Where reading is. */
typedef struct eplb_json_stream {
  eplb_input_t *input;
  int64_t line; /* of the next byte, from 1 */
  int ahead;    /* that byte, if it has been read already; else EOF */
  int cut_off;  /* a value was refused because the file ended within it */
} eplb_json_stream_t;

eplb_json_stream_t eplb_json_start(eplb_input_t *input);

/* The next array or object, the caller's, and the line that it begins in; NULL at the end of the file. `what` the file
 * is to be goes into the sentence, e.g. "a placement". EPLB_ERR_IO; EPLB_ERR_FORMAT names the line. */
eplb_status_t eplb_json_next(eplb_json_stream_t *stream, const char *what, json_t **value, int64_t *line);

/* That nothing but blanks comes. EPLB_ERR_IO; EPLB_ERR_FORMAT. */
eplb_status_t eplb_json_end(eplb_json_stream_t *stream, const char *what);

/* Reads the only document of the file; the caller owns it. "-" is standard input. Errors as above. */
eplb_status_t eplb_json_load(const char *path, const char *what, json_t **document);

#endif
