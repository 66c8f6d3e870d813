#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void print_failures(const CU_pFailureRecord first) {
  for (CU_pFailureRecord f = first; f; f = f->pNext)
    printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
}

static void test_done(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failures) {
  print_failures(failures);
  printf("%s - %s: %s\n", failures ? "not ok" : "ok", suite->pName, test->pName);
  fflush(stdout);
}

int tap_run(const char *suite, const tap_test_t *tests) {
  if (CU_initialize_registry() != CUE_SUCCESS)
    return 1;
  CU_pSuite s = CU_add_suite(suite, NULL, NULL);
  unsigned count = 0;
  for (; s && tests[count].name; count++)
    if (!CU_add_test(s, tests[count].name, tests[count].run))
      return 1;
  printf("1..%u\n", count);
  CU_set_test_complete_handler(test_done);
  CU_run_all_tests();
  int failed = CU_get_number_of_failures() > 0;
  CU_cleanup_registry();
  return failed;
}

int tap_skip_all(const char *reason) {
  printf("1..0 # SKIP %s\n", reason);
  return 0;
}

static const char *source_file(char *path, size_t size, const char *folder, const char *name) {
  const char *source = getenv("srcdir"); /* set by make check */
  snprintf(path, size, "%s/%s/%s", source ? source : ".", folder, name);
  return path;
}

const char *tap_shared(void) {
  static char path[4096];
  struct stat info;
  source_file(path, sizeof path, "..", "shared");
  return stat(path, &info) == 0 ? path : NULL;
}

const char *tap_data(const char *name) {
  static char path[4096];
  return source_file(path, sizeof path, "tests/data", name);
}
