/* CUnit suites reported as TAP, one line per test. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <CUnit/CUnit.h>

typedef struct tap_test {
  const char *name;
  CU_TestFunc run;
} tap_test_t;

/* Runs tests up to the first without a name; returns main's exit status. */
int tap_run(const char *suite, const tap_test_t *tests);

/* Ends the test program as skipped as a whole, with the reason; returns main's exit status. */
int tap_skip_all(const char *reason);

/* The folder of machine data and recorded loads beside the project ("../shared" seen from the source tree), in a static
 * buffer; NULL where there is none. */
const char *tap_shared(void);

/* The file `name` of tests/data, in a static buffer. */
const char *tap_data(const char *name);

/* Asserts that a call returned `status` and that its sentence contains `text`. */
#define TAP_FAILS(call, status, text)                                                                                  \
  do {                                                                                                                 \
    CU_ASSERT_EQUAL(call, status);                                                                                     \
    CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), text));                                                           \
  } while (0)

#endif
