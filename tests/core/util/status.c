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

static void check_shown(const char *text, const char *shown) {
  eplb_fail(EPLB_ERR_IO, "cannot open %s", text);
  CU_ASSERT_STRING_EQUAL(eplb_last_error() + strlen("cannot open "), shown);
  eplb_fail(EPLB_ERR_IO, "%s", eplb_last_error());
  CU_ASSERT_STRING_EQUAL(eplb_last_error() + strlen("cannot open "), shown);
}

static void sentences_have_no_control_characters(void) {
  check_shown("plain ~ text.csv", "plain ~ text.csv");
  check_shown("a\nb\r\tc", "a\\nb\\r\\tc");
  check_shown("\033[2J\007\177", "\\x1b[2J\\x07\\x7f");
  check_shown("caf\303\251 \346\227\245 \360\237\230\200", "caf\303\251 \346\227\245 \360\237\230\200");
  check_shown("\302\233"
              "31m",
              "\\xc2\\x9b31m");                                                /* C1's CSI */
  check_shown("\342\200\256x\342\200\250", "\\xe2\\x80\\xaex\\xe2\\x80\\xa8"); /* right to left; a new line */
  check_shown("\300\212 \355\240\200 \364\220\200\200", "\\xc0\\x8a \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
  check_shown("\233 \303", "\\x9b \\xc3");
}

int main(void) {
  static const tap_test_t tests[] = {{"every code has a name", every_code_has_a_name},
                                     {"a sentence may quote the last one", sentence_may_quote_the_last_one},
                                     {"long sentences are cut", long_sentences_are_cut},
                                     {"sentences have no control characters", sentences_have_no_control_characters},
                                     {NULL, NULL}};
  return tap_run("status", tests);
}
