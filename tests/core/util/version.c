#include "tap.h"
#include <config.h>
#include <eplb/eplb.h>
#include <stdio.h>

/* One number: configure.ac's. */
static void headers_and_library_are_of_this_version(void) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", EPLB_VERSION_MAJOR, EPLB_VERSION_MINOR, EPLB_VERSION_PATCH);
  CU_ASSERT_STRING_EQUAL(text, PACKAGE_VERSION);
  CU_ASSERT_STRING_EQUAL(EPLB_VERSION, PACKAGE_VERSION);
  CU_ASSERT_STRING_EQUAL(eplb_version(), PACKAGE_VERSION);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"headers and library are of this version", headers_and_library_are_of_this_version}, {NULL, NULL}};
  return tap_run("version", tests);
}
