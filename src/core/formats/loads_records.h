/* JSON lines as vLLM writes them. */
#ifndef EPLB_CORE_FORMATS_LOADS_RECORDS_H
#define EPLB_CORE_FORMATS_LOADS_RECORDS_H

#include "core/formats/json_file.h"
#include "core/formats/loads_rows.h"

/* Adds the records from `first` on, which begins in `line` and is taken over, to the end of the file. Errors are those
 * of eplb_loads_read. */
eplb_status_t eplb_records_read(eplb_json_stream_t *stream, json_t *first, int64_t line, eplb_rows_t *rows);

#endif
