#include "core/formats/output.h"
#include "core/util/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static eplb_status_t fail(const char *path) {
  return eplb_fail(EPLB_ERR_IO, "cannot write %s: %s", strcmp(path, "-") ? path : "standard output", strerror(errno));
}

/* A new file in the folder of the path; a name that is taken is another process's or a left-over. */
static eplb_status_t open_beside(eplb_output_t *o) {
  enum { TRIES = 100, SUFFIX_MAX = 32 };
  size_t size = strlen(o->path) + SUFFIX_MAX;
  o->temporary = EPLB_NEW(char, size);
  if (!o->temporary)
    return EPLB_ERR_MEMORY;
  int descriptor = -1;
  for (int i = 0; i < TRIES && descriptor < 0; i++) {
    snprintf(o->temporary, size, "%s.%ld-%d", o->path, (long)getpid(), i);
    descriptor = open(o->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno != EEXIST)
      break;
  }
  if (descriptor >= 0)
    o->file = fdopen(descriptor, "w");
  if (o->file)
    return EPLB_SUCCESS;
  eplb_status_t status = fail(o->path);
  if (descriptor >= 0) {
    close(descriptor);
    unlink(o->temporary);
  }
  free(o->temporary);
  o->temporary = NULL;
  return status;
}

eplb_status_t eplb_output_open(const char *path, eplb_output_t *output) {
  struct stat info;
  *output = (eplb_output_t){.path = path};
  if (!path)
    return eplb_fail(EPLB_ERR_ARGUMENT, "path is NULL");
  if (!strcmp(path, "-")) {
    output->file = stdout;
    return EPLB_SUCCESS;
  }
  if (stat(path, &info) || S_ISREG(info.st_mode))
    return open_beside(output);
  output->file = fopen(path, "w");
  return output->file ? EPLB_SUCCESS : fail(path);
}

eplb_status_t eplb_output_close(eplb_output_t *output, eplb_status_t status) {
  if (output->file) {
    int bad = ferror(output->file) || fflush(output->file);
    if (output->file != stdout)
      bad |= fclose(output->file) != 0;
    if (bad && !status)
      status = fail(output->path);
  }
  if (output->temporary && !status && rename(output->temporary, output->path))
    status = fail(output->path);
  if (output->temporary && status)
    unlink(output->temporary);
  free(output->temporary);
  *output = (eplb_output_t){0};
  return status;
}
