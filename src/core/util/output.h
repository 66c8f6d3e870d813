/* Files that appear whole or not at all. */
#ifndef EPLB_CORE_UTIL_OUTPUT_H
#define EPLB_CORE_UTIL_OUTPUT_H

#include <eplb/status.h>
#include <stdio.h>

typedef struct eplb_output {
  FILE *file;
  const char *path; /* the caller's, for sentences */
  char *target;     /* the file that `path` names, or leads to by symbolic links; with temporary only */
  char *temporary;  /* beside the target, or NULL: written directly */
} eplb_output_t;

/* Opens for writing. "-" is standard output. A file is written beside its final name, which may be at the end of
 * symbolic links, and gets the owner (if allowed) and the mode of the file that it replaces. Pipes and devices (such as
 * /dev/null) are written directly, and so is a file in a folder that allows no new files. EPLB_ERR_ARGUMENT: path is
 * NULL or empty; EPLB_ERR_IO, also if the existing file must not be written; EPLB_ERR_MEMORY. */
eplb_status_t eplb_output_open(const char *path, eplb_output_t *output);

/* Ends the output and returns `status`, or EPLB_ERR_IO if not all could be written. With EPLB_SUCCESS the file has its
 * final name. Otherwise an existing file is unchanged, unless it was written directly. */
eplb_status_t eplb_output_close(eplb_output_t *output, eplb_status_t status);

#endif
