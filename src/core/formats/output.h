/* Files that appear whole or not at all. */
#ifndef EPLB_CORE_FORMATS_OUTPUT_H
#define EPLB_CORE_FORMATS_OUTPUT_H

#include <eplb/status.h>
#include <stdio.h>

typedef struct eplb_output {
  FILE *file;
  const char *path; /* the caller's */
  char *temporary;  /* beside it, or NULL: written directly */
} eplb_output_t;

/* Opens for writing: a new file beside `path`; "-" is standard output, and what is there already but no ordinary file
 * (a pipe, /dev/null) is written directly. EPLB_ERR_IO, EPLB_ERR_MEMORY. */
eplb_status_t eplb_output_open(const char *path, eplb_output_t *output);

/* With `status` good closes the file, checks that all has been written and gives it its name; else, or where that
 * fails, removes it: what was there before is then as it was. Returns `status`, or EPLB_ERR_IO. */
eplb_status_t eplb_output_close(eplb_output_t *output, eplb_status_t status);

#endif
