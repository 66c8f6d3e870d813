/* Names of statuses, and the sentence of the last failure of each thread. */
#include "core/util/escape.h"
#include <eplb/status.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The library's only variable state: one sentence per thread, as errno is one number per thread. */
static _Thread_local char last_error[EPLB_ERROR_MAX];

const char *eplb_status_name(eplb_status_t status) {
  static const char *const name[] = {
      "success",
      "wrong argument",
      "bad loads",
      "sizes that do not fit",
      "call out of order",
      "bad file",
      "input or output",
      "not supported",
      "ranks disagree",
      "corrupt weights",
      "weights written while they moved",
      "no memory",
      "failure of MPI",
      "internal error",
  };
  int index = -(int)status;
  return index >= 0 && index < (int)(sizeof name / sizeof *name) ? name[index] : "unknown status";
}

const char *eplb_last_error(void) {
  return last_error;
}

eplb_status_t eplb_fail(eplb_status_t status, const char *format, ...) {
  char sentence[EPLB_ERROR_MAX]; /* the arguments may include eplb_last_error() */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  eplb_escape(sentence, strlen(sentence), last_error, sizeof last_error); /* arguments may be names from outside */
  return status;
}
