/* NumPy's .npy: numbers at their limits, and what is refused. */
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of version 1 with this header and these numbers behind it. */
static const char *put(const char *header, const void *numbers, size_t size) {
  char bytes[1024];
  size_t length = strlen(header);
  CU_ASSERT_FATAL(10 + length + size <= sizeof bytes);
  memcpy(bytes, "\223NUMPY\1\0", 8);
  bytes[8] = (char)(length & 255);
  bytes[9] = (char)(length >> 8);
  memcpy(bytes + 10, header, length);
  if (size)
    memcpy(bytes + 10 + length, numbers, size);
  return folder_put("loads", bytes, 10 + length + size);
}

/* One number, as the only expert of the only layer. */
static const char *put_one(const char *type, const char *bytes, size_t size) {
  char header[128];
  snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (1, 1), }\n", type);
  return put(header, bytes, size);
}

static void check_one(const char *type, const char *bytes, size_t size, double load) {
  eplb_loads_t *l = loads_file_read(put_one(type, bytes, size));
  CU_ASSERT(l->num_windows == 1 && l->num_layers == 1 && l->num_experts == 1);
  CU_ASSERT_EQUAL(l->load[0], load);
  eplb_loads_destroy(&l);
}

static void numbers_at_their_limits(void) {
  check_one("|u1", "\377", 1, 255);
  check_one("|i1", "\177", 1, 127);
  check_one("<u2", "\377\376", 2, 65279);
  check_one(">u2", "\377\376", 2, 65534);
  check_one("<i8", "\0\374\377\377\377\377\377\177", 8, 0x1.fffffffffffffp62);
  check_one(">u4", "\377\377\377\377", 4, 4294967295);
  check_one("<f2", "\1\0", 2, 0x1p-24);     /* the least */
  check_one("<f2", "\377\3", 2, 0x3ffp-24); /* the greatest that is subnormal */
  check_one("<f2", "\377\173", 2, 65504);   /* the greatest */
  check_one("<f2", "\0\200", 2, 0);         /* -0 */
  check_one("<f2", "\0\74", 2, 1);
  check_one(">f4", "\136\377\377\377", 4, 0x1.fffffep62);
  check_one("<f8", "\1\0\0\0\0\0\0\0", 8, 0x1p-1074);
}

static void refuse_one(const char *type, const char *bytes, size_t size, const char *load) {
  char sentence[128];
  snprintf(sentence, sizeof sentence, "window 0, layer 0, expert 0 has a load of %s; expected one from 0 to below 2^63",
           load);
  loads_file_refuse(put_one(type, bytes, size), EPLB_ERR_LOADS, sentence);
}

static void loads_that_cannot_be(void) {
  refuse_one("|i1", "\377", 1, "-1");
  refuse_one("|i1", "\200", 1, "-128");
  refuse_one("<i2", "\0\200", 2, "-32768");
  refuse_one(">i4", "\200\0\0\0", 4, "-2.14748e+09");
  refuse_one("<i8", "\377\377\377\377\377\377\377\377", 8, "-1");
  refuse_one("<i8", "\0\0\0\0\0\0\0\200", 8, "-9.22337e+18");
  refuse_one("<i8", "\377\377\377\377\377\377\377\177", 8, "9.22337e+18"); /* 2^63 - 1, rounded */
  refuse_one("<u8", "\377\377\377\377\377\377\377\377", 8, "1.84467e+19");
  refuse_one("<f2", "\0\174", 2, "inf");
  refuse_one("<f2", "\1\374", 2, "-nan");
  refuse_one("<f2", "\1\200", 2, "-5.96046e-08");
  refuse_one(">f4", "\177\200\0\0", 4, "inf");
  refuse_one(">f4", "\137\0\0\0", 4, "9.22337e+18");
  refuse_one("<f8", "\0\0\0\0\0\0\370\177", 8, "nan");
  refuse_one("<f8", "\0\0\0\0\0\0\360\277", 8, "-1");
}

/* As other writers than NumPy might have them. */
static void headers_may_be_written_in_many_ways(void) {
  static const char *const good[] = {"{\"shape\":(1,2),\"fortran_order\":False,\"descr\":\"|u1\"}",
                                     "{'fortran_order': True, 'shape': (1, 1, 2), 'descr': '|u1'}       \n",
                                     "  { 'descr' : '|u1' , 'shape' : ( 1 , 2 , ) , 'fortran_order' : True , }\n\n"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    eplb_loads_t *l = loads_file_read(put(good[i], "\7\10", 2));
    CU_ASSERT(l->num_layers == 1 && l->num_experts == 2 && l->load[0] == 7 && l->load[1] == 8);
    eplb_loads_destroy(&l);
  }
}

static void refuse(const char *header, const char *sentence) {
  loads_file_refuse(put(header, "\0\0\0\0\0\0\0\0", 8), EPLB_ERR_FORMAT, sentence);
}

static void refuse_type(const char *type) {
  char header[128], sentence[64];
  snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': False, 'shape': (1, 1), }", type);
  snprintf(sentence, sizeof sentence, "the header continues with \"%s, 'f", type);
  refuse(header, sentence);
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "; expected whole numbers of 1, 2, 4 or 8 bytes"));
}

static void types_that_are_no_loads(void) {
  static const char *const bad[] = {"'|b1'", "'<f16'", "'<c8'", "'|O'",  "'<U4'",    "'<i3'",          "'<i0'",
                                    "'|i8'", "'=i8'",  "'i8'",  "'|f1'", "'<M8[s]'", "[('a', '<i4')]", "8"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refuse_type(bad[i]);
}

static void refuse_shape(const char *shape) {
  char header[160];
  snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }", shape);
  refuse(header, "; expected a shape (layers, experts) or (windows, layers, experts), from 1 to 999999999 each");
}

static void shapes_that_are_no_loads(void) {
  static const char *const bad[] = {"()",
                                    "(8,)",
                                    "(8)",
                                    "(1, 2, 2, 2)",
                                    "(0, 8)",
                                    "(1, 8, 0)",
                                    "(-1, 8)",
                                    "(1, 8.0)",
                                    "[1, 8]",
                                    "(1 8)",
                                    "(1,, 8)",
                                    "(1, 8",
                                    "(1, None)",
                                    "8",
                                    "(1, 9999999999999999999999)",
                                    "(0x1, 8)",
                                    "(1000000000, 1)",
                                    "(1, 8"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refuse_shape(bad[i]);
}

static void headers_that_are_none(void) {
  refuse("", "the header continues with \"\"; expected a dictionary");
  refuse("[]", "expected a dictionary");
  refuse("{}", "continues with \"}\"; expected 'descr', 'fortran_order' and 'shape', each once");
  refuse("{'descr': '|u1', 'descr': '|u1', }", "continues with \"'descr': '|u1', }\"; expected 'descr'");
  refuse("{'descr': '|u1', 'fortran_order': False, }", "continues with \"}\"; expected 'descr'");
  refuse("{'descr': '|u1', 'fortran_order': 0, 'shape': (1, 8)}", "continues with \"0, 'shape'");
  refuse("{'descr': '|u1' 'fortran_order': False, 'shape': (1, 8)}", "expected a comma");
  refuse("{'descr' '|u1', 'fortran_order': False, 'shape': (1, 8)}", "expected a colon");
  refuse("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8)", "continues with \"\"; expected its end");
  refuse("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8), 'more': 1}", "expected its end");
  refuse("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8)}\1\377",
         "continues with \"\\x01\\xff\"; expected its end");
}

/* Every length shorter than the whole, and one that is longer. */
static void files_cut_short(void) {
  char bytes[256];
  size_t size;
  const char *path = put("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }", "\1\0\0\0\2\0\0\0", 8);
  char *whole = folder_get(path, &size);
  CU_ASSERT_FATAL(size < sizeof bytes);
  memcpy(bytes, whole, size);
  bytes[size] = 0;
  free(whole);
  for (size_t n = 6; n < size; n++)
    loads_file_refuse(folder_put("loads", bytes, n), EPLB_ERR_FORMAT,
                      n < 8    ? "version 0; expected version 1 to 3"
                      : n < 69 ? "ends within its header"
                               : "too few bytes of numbers; expected 8, for 1 window of 1 layer of 2");
  loads_file_refuse(folder_put("loads", bytes, size + 1), EPLB_ERR_FORMAT, "too many bytes of numbers; expected 8");
}

/* Nothing is allocated for what is only promised. */
static void headers_that_promise_much(void) {
  refuse("{'descr': '<f8', 'fortran_order': False, 'shape': (131072, 131072), }", "too few bytes of numbers");
  refuse("{'descr': '<f8', 'fortran_order': True, 'shape': (999999999, 999999999, 999999999), }",
         "expected no more than 17179869184 values");
  loads_file_refuse(folder_put("loads", "\223NUMPY\2\0\377\377\377\377{", 13), EPLB_ERR_FORMAT,
                    "has a header of 4294967295 bytes; expected no more than 65536");
  loads_file_refuse(folder_put("loads", "\223NUMPY\4\0\1\0{", 11), EPLB_ERR_FORMAT,
                    "version 4; expected version 1 to 3");
}

int main(void) {
  static const tap_test_t tests[] = {{"numbers at their limits", numbers_at_their_limits},
                                     {"headers may be written in many ways", headers_may_be_written_in_many_ways},
                                     {"refused: loads that cannot be", loads_that_cannot_be},
                                     {"refused: types that are no loads", types_that_are_no_loads},
                                     {"refused: shapes that are no loads", shapes_that_are_no_loads},
                                     {"refused: headers that are none", headers_that_are_none},
                                     {"refused: files cut short", files_cut_short},
                                     {"refused: headers that promise much", headers_that_promise_much},
                                     {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_npy", tests);
  folder_remove();
  return failed;
}
