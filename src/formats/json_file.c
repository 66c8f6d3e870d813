#include "formats/json_file.h"
#include <errno.h>
#include <string.h>

const char *eplb_json_name(const char *path) {
  return strcmp(path, "-") ? path : "standard input";
}

eplb_status_t eplb_json_load(const char *path, const char *what, json_t **document) {
  json_error_t error;
  const char *name = eplb_json_name(path);
  FILE *file = strcmp(path, "-") ? fopen(path, "r") : stdin;
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", name, strerror(errno));
  *document = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
  int bad = ferror(file);
  if (file != stdin)
    fclose(file);
  if (!bad && *document)
    return EPLB_SUCCESS;
  json_decref(*document);
  *document = NULL;
  if (bad)
    return eplb_fail(EPLB_ERR_IO, "cannot read %s", name);
  return eplb_fail(EPLB_ERR_FORMAT, "%s, line %d: %s; expected %s as JSON", name, error.line, error.text, what);
}
