/* Loads in JSON, as readers of several forms meet them. */
#ifndef EPLB_FORMATS_JSON_LOADS_H
#define EPLB_FORMATS_JSON_LOADS_H

#include "formats/json_file.h"
#include "formats/loads_rows.h"

/* The size of an array of at least one element. `where` it is goes into the sentence, and what it is to be an array of.
 * EPLB_ERR_FORMAT. */
eplb_status_t eplb_json_count(const char *name, const char *where, const json_t *array, const char *of, int *count);

/* The load that array[index] is. EPLB_ERR_FORMAT: no number; EPLB_ERR_LOADS: none that can be. */
eplb_status_t eplb_json_load_at(const char *name, const char *where, const json_t *array, int index, double *load);

/* Reads the records from `first` on, which begins in `line`, to the end of the file: JSON lines as vLLM writes them.
 * Takes over `first`. */
eplb_status_t eplb_records_read(eplb_json_stream_t *stream, json_t *first, int64_t line, eplb_rows_t *rows);

#endif
