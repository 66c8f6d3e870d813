/* A whole file of JSON. */
#ifndef EPLB_FORMATS_JSON_FILE_H
#define EPLB_FORMATS_JSON_FILE_H

#include <eplb/status.h>
#include <jansson.h>

/* How a path is called in sentences: "-" is standard input. */
const char *eplb_json_name(const char *path);

/* The document in the file, the caller's; `what` it is to be goes into the sentence, e.g. "a placement". EPLB_ERR_IO;
 * EPLB_ERR_FORMAT names the line. */
eplb_status_t eplb_json_load(const char *path, const char *what, json_t **document);

#endif
