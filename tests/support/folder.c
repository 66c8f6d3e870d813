#include "folder.h"
#include "tap.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "unit-XXXXXX";

void folder_make(void) {
  if (!mkdtemp(folder)) {
    printf("Bail out! No temporary folder in the current one\n");
    exit(1);
  }
}

/* Calls `visit` with each path in the folder; returns how many there are. */
static int each_file(int (*visit)(const char *path)) {
  DIR *stream = opendir(folder);
  int count = 0;
  for (struct dirent *entry; stream && (entry = readdir(stream));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
      count++;
      if (visit)
        visit(folder_path(entry->d_name));
    }
  if (stream)
    closedir(stream);
  return count;
}

int folder_count(void) {
  return each_file(NULL);
}

void folder_remove(void) {
  each_file(remove);
  rmdir(folder);
}

const char *folder_path(const char *name) {
  enum { PATHS = 4 };
  static char path[PATHS][sizeof folder + 256];
  static int next;
  next = (next + 1) % PATHS;
  snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
  return path[next];
}

const char *folder_put(const char *name, const void *bytes, size_t size) {
  const char *path = folder_path(name);
  FILE *file = fopen(path, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
  CU_ASSERT_EQUAL(fclose(file), 0);
  return path;
}

char *folder_get(const char *path, size_t *size) {
  struct stat info;
  FILE *file = fopen(path, "rb");
  CU_ASSERT_FATAL(file && fstat(fileno(file), &info) == 0);
  *size = (size_t)info.st_size;
  char *bytes = malloc(*size + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
  CU_ASSERT_EQUAL(fread(bytes, 1, *size, file), *size);
  bytes[*size] = '\0';
  fclose(file);
  return bytes;
}

static void check_refused(eplb_status_t (*write)(const char *path), const char *path) {
  int before = folder_count();
  TAP_FAILS(write(path), EPLB_ERR_IO, path);
  CU_ASSERT_PTR_NULL(strchr(eplb_last_error(), '\n'));
  CU_ASSERT_EQUAL(folder_count(), before);
}

/* Files can be opened, but not grow beyond a few bytes: as on a disk that fills up during the writing. */
static void check_refused_midway(eplb_status_t (*write)(const char *path), const char *path) {
  struct rlimit limit, small;
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 16;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
  check_refused(write, path);
  CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
  signal(SIGXFSZ, handler);
}

static void check_old_file_stays(eplb_status_t (*write)(const char *path)) {
  size_t size;
  const char *path = folder_put("old", "precious", 8);
  check_refused_midway(write, path);
  char *content = folder_get(path, &size);
  CU_ASSERT_STRING_EQUAL(content, "precious");
  free(content);
  remove(path);
}

void folder_check_writing(eplb_status_t (*write)(const char *path)) {
  const char *inner = folder_path("inner");
  CU_ASSERT_EQUAL_FATAL(mkdir(inner, 0777), 0);
  check_refused(write, inner);
  rmdir(inner);
  check_refused(write, folder_path("missing/file"));
  check_refused_midway(write, folder_path("new"));
  check_old_file_stays(write);
  if (access("/dev/full", W_OK) == 0) /* Linux has it */
    check_refused(write, "/dev/full");
}
