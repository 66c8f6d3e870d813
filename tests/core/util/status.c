#include "tap.h"
#include <eplb/eplb.h>
#include <stdio.h>
#include <string.h>

static void every_code_has_a_name(void) {
  for (int status = EPLB_ERR_INTERNAL; status <= EPLB_SUCCESS; status++)
    CU_ASSERT_STRING_NOT_EQUAL(eplb_status_name((eplb_status_t)status), "unknown status");
  CU_ASSERT_STRING_EQUAL(eplb_status_name((eplb_status_t)1), "unknown status");
  CU_ASSERT_STRING_EQUAL(eplb_status_name((eplb_status_t)-999), "unknown status");
}

static void sentence_may_quote_the_last_one(void) {
  CU_ASSERT_EQUAL(eplb_fail(EPLB_ERR_LOADS, "layer %d", 3), EPLB_ERR_LOADS);
  eplb_fail(EPLB_ERR_FORMAT, "file x: %s", eplb_last_error());
  CU_ASSERT_STRING_EQUAL(eplb_last_error(), "file x: layer 3");
}

static void long_sentences_are_cut(void) {
  char text[2 * EPLB_ERROR_MAX];
  memset(text, 'a', sizeof text);
  text[sizeof text - 1] = 0;
  eplb_fail(EPLB_ERR_IO, "%s", text);
  CU_ASSERT_EQUAL(strlen(eplb_last_error()), EPLB_ERROR_MAX - 1);
}

int main(void) {
  static const tap_test_t tests[] = {{"every code has a name", every_code_has_a_name},
                                     {"a sentence may quote the last one", sentence_may_quote_the_last_one},
                                     {"long sentences are cut", long_sentences_are_cut},
                                     {NULL, NULL}};
  return tap_run("status", tests);
}
