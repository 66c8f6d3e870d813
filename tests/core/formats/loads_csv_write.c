/* Loads written as CSV. */
#include "comma_locale.h"
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *put(const char *text) {
  return folder_put("loads.csv", text, strlen(text));
}

/* Any bits that a load can have. */
static double any_load(rng_t *rng) {
  uint64_t bits = rng_next(rng) >> 1;
  double load;
  memcpy(&load, &bits, sizeof load);
  return load < 0x1p63 ? load : 0x1p63 - 1024 * rng_between(rng, 1, 1000);
}

static void check_round_trip(rng_t *rng) {
  eplb_loads_t *l = random_recording(rng, 5);
  if (rng_between(rng, 0, 1))
    for (int i = 0; i < l->num_windows * l->num_layers * l->num_experts; i++)
      l->load[i] = any_load(rng);
  const char *path = folder_path("loads.csv");
  CU_ASSERT_EQUAL_FATAL(eplb_loads_write(path, l), EPLB_SUCCESS);
  eplb_loads_t *again = loads_file_read(path);
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
  eplb_loads_destroy(&l);
}

static void what_is_written_is_read_again(void) {
  shapes_try(1000, 1, check_round_trip);
  CU_ASSERT_EQUAL(folder_count(), 1); /* nothing left beside it */
}

static void the_form_written_is_the_documented_one(void) {
  size_t size;
  eplb_loads_t *l = loads_file_read(put("1.5,2\n3,1e18\n"));
  l->layer_id[1] = 7;
  CU_ASSERT_EQUAL(eplb_loads_write(folder_path("loads.csv"), l), EPLB_SUCCESS);
  char *text = folder_get(folder_path("loads.csv"), &size);
  CU_ASSERT_STRING_EQUAL(text, "window,layer,e0,e1\n0,0,1.5,2\n0,7,3,1e+18\n");
  free(text);
  eplb_loads_destroy(&l);
}

static void the_language_of_the_program_does_not_matter(void) {
  if (comma_locale_set()) {
    the_form_written_is_the_documented_one();
    eplb_loads_t *l = loads_file_read(put("1.5,2.25\n"));
    CU_ASSERT(l->num_experts == 2 && l->load[0] == 1.5 && l->load[1] == 2.25);
    eplb_loads_destroy(&l);
  }
  comma_locale_end();
}

static eplb_status_t write_some(const char *path) {
  eplb_loads_t *l = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_create(2, 3, 4, &l), EPLB_SUCCESS);
  eplb_status_t status = eplb_loads_write(path, l);
  eplb_loads_destroy(&l);
  return status;
}

/* More than fits into any buffer, so that the failure comes before the end. */
static eplb_status_t write_much(const char *path) {
  eplb_loads_t *l = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_create(20, 30, 400, &l), EPLB_SUCCESS);
  eplb_status_t status = eplb_loads_write(path, l);
  eplb_loads_destroy(&l);
  return status;
}

static void files_that_cannot_be_written(void) {
  folder_check_writing(write_some);
  folder_check_writing(write_much);
  TAP_FAILS(write_some(NULL), EPLB_ERR_ARGUMENT, "path is NULL");
}

static void a_new_file_replaces_the_old_one(void) {
  const char *path = put("old");
  int before = folder_count();
  CU_ASSERT_EQUAL(write_some(path), EPLB_SUCCESS);
  eplb_loads_t *l = loads_file_read(path);
  CU_ASSERT(l->num_windows == 2 && l->num_layers == 3 && l->num_experts == 4);
  CU_ASSERT_EQUAL(folder_count(), before);
  eplb_loads_destroy(&l);
}

static mode_t mode_of(const char *path) {
  struct stat info;
  CU_ASSERT_EQUAL_FATAL(lstat(path, &info), 0);
  return info.st_mode;
}

static void a_files_mode_stays(void) {
  const char *path = put("old");
  static const mode_t modes[] = {0600, 0640, 0664, 0777};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    CU_ASSERT_EQUAL_FATAL(chmod(path, modes[i]), 0);
    CU_ASSERT_EQUAL(write_some(path), EPLB_SUCCESS);
    CU_ASSERT_EQUAL(mode_of(path) & 07777, modes[i]);
  }
}

/* Links from links, relative and absolute, to a file that is there or not. */
static void symbolic_links_stay(void) {
  char absolute[PATH_MAX], to[PATH_MAX + 16];
  CU_ASSERT_PTR_NOT_NULL_FATAL(realpath(folder_path(""), absolute));
  snprintf(to, sizeof to, "%s/second", absolute);
  CU_ASSERT_EQUAL_FATAL(mkdir(folder_path("below"), 0777), 0);
  CU_ASSERT_EQUAL_FATAL(symlink(to, folder_path("first")), 0);
  CU_ASSERT_EQUAL_FATAL(symlink("below/target.csv", folder_path("second")), 0);
  for (int is_there = 0; is_there < 2; is_there++) {
    CU_ASSERT_EQUAL(write_some(folder_path("first")), EPLB_SUCCESS);
    CU_ASSERT(S_ISLNK(mode_of(folder_path("first"))) && S_ISLNK(mode_of(folder_path("second"))));
    CU_ASSERT(S_ISREG(mode_of(folder_path("below/target.csv"))));
    eplb_loads_t *l = loads_file_read(folder_path("below/target.csv"));
    CU_ASSERT_EQUAL(l->num_windows, 2);
    eplb_loads_destroy(&l);
  }
  CU_ASSERT_EQUAL(unlink(folder_path("second")), 0);
  CU_ASSERT_EQUAL_FATAL(symlink("first", folder_path("second")), 0);
  CU_ASSERT_EQUAL(write_some(folder_path("first")), EPLB_ERR_IO); /* a circle */
  CU_ASSERT_EQUAL(unlink(folder_path("below/target.csv")), 0);
  CU_ASSERT_EQUAL(rmdir(folder_path("below")), 0);
  CU_ASSERT(unlink(folder_path("first")) == 0 && unlink(folder_path("second")) == 0);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"what is written is read again", what_is_written_is_read_again},
      {"the form written is the documented one", the_form_written_is_the_documented_one},
      {"the language of the program does not matter", the_language_of_the_program_does_not_matter},
      {"files that cannot be written", files_that_cannot_be_written},
      {"a new file replaces the old one", a_new_file_replaces_the_old_one},
      {"a file's mode stays", a_files_mode_stays},
      {"symbolic links stay", symbolic_links_stay},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_csv_write", tests);
  folder_remove();
  return failed;
}
