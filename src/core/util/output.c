/* Writes a file whole or not at all: into a new file in the same folder, which replaces the old one when all was
 * written. A failed command leaves the old file unchanged. */
#include "core/util/output.h"
#include "core/util/alloc.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static eplb_status_t fail(const char *path) {
  return eplb_fail(EPLB_ERR_IO, "cannot write %s: %s", strcmp(path, "-") ? path : "standard output", strerror(errno));
}

/* `link` with its last name replaced by what it leads to, `to`; or `to` if that is absolute. NULL without memory. */
static char *path_after(const char *link, const char *to) {
  const char *slash = to[0] == '/' ? NULL : strrchr(link, '/');
  size_t folder = slash ? (size_t)(slash + 1 - link) : 0, size = folder + strlen(to) + 1;
  char *path = EPLB_NEW(char, size);
  if (path)
    snprintf(path, size, "%.*s%s", (int)folder, link, to);
  return path;
}

/* The file at the end of symbolic links, which need not be there. */
static eplb_status_t follow_links(const char *path, char **target) {
  enum { MAX_LINKS = 40 };
  char to[PATH_MAX];
  char *at = path_after("", path);
  for (int i = 0; at; i++) {
    ssize_t length = readlink(at, to, sizeof to - 1);
    if (length < 0) {
      *target = at;
      return EPLB_SUCCESS;
    }
    to[length] = '\0';
    char *next = i < MAX_LINKS ? path_after(at, to) : NULL;
    free(at);
    errno = ELOOP;
    if (i == MAX_LINKS)
      return fail(path);
    at = next;
  }
  return EPLB_ERR_MEMORY;
}

/* A new file in the folder of the target; a name that is taken is another process's or a left-over. Returns its
 * descriptor, or -1 with errno. */
static int create_beside(const char *target, char *temporary, size_t size) {
  enum { TRIES = 100 };
  int descriptor = -1;
  for (int i = 0; i < TRIES && descriptor < 0; i++) {
    snprintf(temporary, size, "%s.%ld-%d", target, (long)getpid(), i);
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno != EEXIST)
      break;
  }
  return descriptor;
}

/* The mode of the file that is replaced, and its owner where that is allowed. */
static int take_over(int descriptor, const struct stat *replaced) {
  int ignored = fchown(descriptor, replaced->st_uid, replaced->st_gid);
  (void)ignored;
  return fchmod(descriptor, replaced->st_mode & 0777);
}

static eplb_status_t open_directly(eplb_output_t *o) {
  o->file = fopen(o->path, "w");
  return o->file ? EPLB_SUCCESS : fail(o->path);
}

static void forget(eplb_output_t *o) {
  free(o->temporary);
  free(o->target);
  o->temporary = o->target = NULL;
}

/* `replaced` is the existing file, or NULL. */
static eplb_status_t open_beside(eplb_output_t *o, const struct stat *replaced) {
  enum { SUFFIX_MAX = 32 };
  eplb_status_t status = follow_links(o->path, &o->target);
  if (status)
    return status;
  size_t size = strlen(o->target) + SUFFIX_MAX;
  o->temporary = EPLB_NEW(char, size);
  if (!o->temporary) {
    forget(o);
    return EPLB_ERR_MEMORY;
  }
  int descriptor = create_beside(o->target, o->temporary, size);
  if (descriptor < 0) {
    int no_new_files = errno == EACCES || errno == EPERM || errno == EROFS;
    status = replaced && no_new_files ? open_directly(o) : fail(o->path);
    forget(o);
    return status;
  }
  if (!replaced || !take_over(descriptor, replaced))
    o->file = fdopen(descriptor, "w");
  if (o->file)
    return EPLB_SUCCESS;
  status = fail(o->path);
  close(descriptor);
  unlink(o->temporary);
  forget(o);
  return status;
}

eplb_status_t eplb_output_open(const char *path, eplb_output_t *output) {
  struct stat info;
  *output = (eplb_output_t){.path = path};
  if (!path)
    return eplb_fail(EPLB_ERR_ARGUMENT, "path is NULL");
  if (!*path)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the name of the file to write is empty");
  if (!strcmp(path, "-")) {
    output->file = stdout;
    return EPLB_SUCCESS;
  }
  int is_new = stat(path, &info) != 0;
  if (!is_new && !S_ISREG(info.st_mode))
    return open_directly(output);
  if (!is_new && access(path, W_OK))
    return fail(path);
  return open_beside(output, is_new ? NULL : &info);
}

eplb_status_t eplb_output_close(eplb_output_t *output, eplb_status_t status) {
  if (output->file) {
    int bad = ferror(output->file) || fflush(output->file);
    if (output->file != stdout)
      bad |= fclose(output->file) != 0;
    if (bad && !status)
      status = fail(output->path);
  }
  if (output->temporary && !status && rename(output->temporary, output->target))
    status = fail(output->path);
  if (output->temporary && status)
    unlink(output->temporary);
  forget(output);
  *output = (eplb_output_t){0};
  return status;
}
