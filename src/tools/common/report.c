/* Exit statuses and error output of the tool; also notices when standard output could not be written. */
#include "tools/common/commands.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tool_exit_status(eplb_status_t status) {
  switch (status) {
  case EPLB_SUCCESS:
    return TOOL_GOOD;
  case EPLB_ERR_MEMORY:
  case EPLB_ERR_IO:
  case EPLB_ERR_CORRUPT:
  case EPLB_ERR_CHANGED:
  case EPLB_ERR_MPI:
  case EPLB_ERR_INTERNAL:
    return TOOL_FAILED;
  default:
    return TOOL_WRONG_INPUT;
  }
}

int tool_report(eplb_status_t status) {
  fprintf(stderr, "eplb: %s\n", eplb_last_error());
  return tool_exit_status(status);
}

/* At exit: what was printed counts only if it has arrived. A disk that is full shows when the last buffer is
 * written. */
static void check_stdout(int exit_status, void *unused) {
  (void)unused;
  errno = 0; /* why an earlier write failed is not known any more */
  if (exit_status != TOOL_GOOD || !(ferror(stdout) | fflush(stdout)))
    return;
  fprintf(stderr, "eplb: cannot write standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
  _exit(TOOL_FAILED);
}

void tool_watch_stdout(void) {
  on_exit(check_stdout, NULL);
}
