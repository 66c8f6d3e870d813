#include "core/model/loads.h"
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "window,layer,e0,e1\n"

static const char *put(const char *text) {
  return folder_put("loads.csv", text, strlen(text));
}

/* Reads `text` and compares sizes and all values; layers are `layer`, or 0, 1, 2, ... where NULL. */
static void check_text(const char *text, int windows, int layers, int experts, const int *layer, const double *load) {
  eplb_loads_t *l = loads_file_read(put(text));
  CU_ASSERT_FATAL(l->num_windows == windows && l->num_layers == layers && l->num_experts == experts);
  for (int i = 0; i < layers; i++)
    CU_ASSERT_EQUAL(l->layer_id[i], layer ? layer[i] : i);
  for (int i = 0; i < windows * layers * experts; i++)
    CU_ASSERT_EQUAL(l->load[i], load[i]);
  eplb_loads_destroy(&l);
}

static void check_123456(const char *text, int windows, int layers, const int *layer) {
  check_text(text, windows, layers, 6 / windows / layers, layer, (double[]){1, 2, 3, 4, 5, 6});
}

static void refuse_bytes(const void *bytes, size_t size, eplb_status_t status, const char *text) {
  loads_file_refuse(folder_put("loads.csv", bytes, size), status, text);
}

static void refuse(const char *content, eplb_status_t status, const char *text) {
  refuse_bytes(content, strlen(content), status, text);
}

static void without_header_lines_are_layers(void) {
  check_123456("1,2,3\n4,5,6\n", 1, 2, NULL);
  check_123456("1\n2\n3\n4\n5\n6\n", 1, 6, NULL);
  check_123456("1,2,3,4,5,6", 1, 1, NULL);
}

static void with_header_lines_are_windows_and_layers(void) {
  check_123456("window,layer,e0,e1,e2\n0,0,1,2,3\n0,1,4,5,6\n", 1, 2, NULL);
  check_123456("window,layer,e0\n0,0,1\n0,1,2\n0,2,3\n1,0,4\n1,1,5\n1,2,6\n", 2, 3, NULL);
  check_123456("window,layer,any,\"names, like\nthis\"\n7,0,1,2\n8,0,3,4\n2147483647,0,5,6\n", 3, 1, NULL);
}

static void layers_keep_the_numbers_of_the_model(void) {
  check_123456(HEADER "0,3,1,2\n0,5,3,4\n0,2147483647,5,6\n", 1, 3, (int[]){3, 5, 2147483647});
  check_123456(HEADER "0,61,5,6\n0,9,3,4\n0,3,1,2\n", 1, 3, (int[]){3, 9, 61});
}

static void line_ends_and_blanks_do_not_matter(void) {
  check_123456("1,2,3\r\n4,5,6\r\n", 1, 2, NULL);
  check_123456("\n\n1,2,3\n\r\n\n4,5,6\n\n\n", 1, 2, NULL);
  check_123456("1,2,3\n4,5,6", 1, 2, NULL);
  check_123456("\n" HEADER "\n0,4,1,2\r\n0,5,3,4\n  \n0,6,5,6", 1, 3, (int[]){4, 5, 6});
  check_123456(" 1 ,\t2,\"3\"\n  4,5 , \"6\" \n", 1, 2, NULL);
}

static const double six_of_eight[] = {1, 2, 0, 3, 0, 4, 5, 6};

static void a_row_for_each_expert(void) {
  static const int layers[] = {3, 7};
  check_text("layer_id,expert_id,count\n3,1,2\n3,0,1\n7,3,6\n7,1,4\n3,3,3\n7,2,5\n", 1, 2, 4, layers, six_of_eight);
  check_text("layer,expert,tokens\r\n3,1,2\r\n3,0,1\r\n7,3,6\r\n7,1,4\r\n3,3,3\r\n7,2,5", 1, 2, 4, layers,
             six_of_eight);
  check_text("window,layer,expert_id,count\n9,3,1,2\n9,3,0,1\n4,3,0,1\n9,7,3,6\n9,7,1,4\n9,3,3,3\n9,7,2,5\n", 2, 2, 4,
             layers, (double[]){1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 0, 4, 5, 6});
}

static void a_row_for_each_expert_needs_no_header(void) {
  static const int layers[] = {3, 7};
  check_text("3,1,2\n3,0,1\n7,3,6\n7,1,4\n3,3,3\n7,2,5\n", 1, 2, 4, layers, six_of_eight);
  check_text("0,3,1,2\n0,3,0,1\n0,7,3,6\n0,7,1,4\n0,3,3,3\n0,7,2,5\n", 1, 2, 4, layers, six_of_eight);
  check_text("30,11,27\n38,12,25\n33,10,26\n31,10,25\n", 1, 4, 3, NULL,
             (double[]){30, 11, 27, 38, 12, 25, 33, 10, 26, 31, 10, 25}); /* three experts */
}

static void a_byte_order_mark_does_not_matter(void) {
  check_123456("\357\273\277window,layer,e0,e1,e2\r\n0,0,1,2,3\r\n0,1,4,5,6\r\n", 1, 2, NULL);
  check_123456("\357\273\2771,2,3\r\n4,5,6\r\n", 1, 2, NULL);
  check_123456("\357\273\277{\"logical_count\":\r\n[[1,2,3],\r\n[4,5,6]]}\r\n", 1, 2, NULL);
  refuse("\357\273\277", EPLB_ERR_FORMAT, "holds no loads");
}

static void numbers_that_may_be_keys(void) {
  static const char sentence[] = "may be numbers of windows, layers or experts; expected a first line window,layer,e0";
  refuse("3,5,2\n3,90,7\n3,4,8\n4,17,20\n4,50,3\n", EPLB_ERR_FORMAT, sentence);      /* few experts have a row */
  refuse("3,0,2\n3,1,7\n3,2,8\n3,3,8\n3,3,8\n", EPLB_ERR_FORMAT, sentence);          /* one twice */
  refuse("0,3,100,200\n0,4,300,400\n", EPLB_ERR_FORMAT, sentence);                   /* window, layer, loads */
  refuse("7,3,1,2,8\n7,4,3,4,8\n8,3,5,6,8\n8,4,5,6,8\n", EPLB_ERR_FORMAT, sentence); /* of two windows */
}

static void rows_for_experts_that_are_wrong(void) {
  refuse("layer_id,expert_id\n", EPLB_ERR_FORMAT, "line 1: 2 columns; expected layer_id,expert_id,count");
  refuse("layer_id,count,expert_id\n", EPLB_ERR_FORMAT, "line 1, column expert: \"count\"; expected expert_id");
  refuse("window,layer,expert,count,more\n", EPLB_ERR_FORMAT, "line 1: 5 columns; expected window,layer,expert,count");
  refuse("layer_id,expert_id,count\n", EPLB_ERR_FORMAT, "holds no loads");
  refuse("layer_id,expert_id,count\n3,1\n", EPLB_ERR_FORMAT, "line 2: 2 columns; expected 3");
  refuse("layer_id,expert_id,count\n3,1,x\n", EPLB_ERR_FORMAT, "line 2, column count: \"x\"; expected a number");
  refuse("layer_id,expert_id,count\n3,1,-1\n", EPLB_ERR_LOADS, "line 2, column count: \"-1\"");
  refuse("layer_id,expert_id,count\n3,1.5,1\n", EPLB_ERR_FORMAT, "line 2, column expert: \"1.5\"; expected a whole");
  refuse("layer_id,expert_id,count\n3,1048576,1\n", EPLB_ERR_FORMAT, "column expert: \"1048576\"; expected a whole");
  refuse("layer_id,expert_id,count\n3,1,2\n4,1,2\n3,1,2\n", EPLB_ERR_FORMAT,
         "line 4: window 0, layer 3, expert 1 was in line 2 already");
  refuse("layer_id,expert_id,count\n3,1048575,1\n4,0,1\n5,0,1\n", EPLB_ERR_FORMAT,
         "3 rows for 1 window of 3 layers of 1048576 experts; expected at least one in 1024");
}

static void numbers_may_be_written_in_many_ways(void) {
  check_text("0,-0,1e3,+2.5,.5,3.,1E-2,9223372036854774784,1e-400\n", 1, 1, 9, NULL,
             (double[]){0, 0, 1000, 2.5, .5, 3, .01, 0x1.fffffffffffffp62, 0});
}

/* Writes the rows of a recording in a random order of rows. */
static void put_shuffled(rng_t *rng, const eplb_loads_t *l) {
  enum { MOST = 25 };
  int order[MOST], rows = l->num_windows * l->num_layers;
  for (int i = 0; i < rows; i++)
    order[i] = i;
  rng_shuffle(rng, rows, order);
  FILE *file = fopen(put(""), "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs("window,layer", file);
  for (int e = 0; e < l->num_experts; e++)
    fputs(",x", file);
  for (int i = 0; i < rows; i++) {
    fprintf(file, "\n%d,%d", order[i] / l->num_layers, l->layer_id[order[i] % l->num_layers]);
    for (int e = 0; e < l->num_experts; e++)
      fprintf(file, ",%.17g", l->load[order[i] * l->num_experts + e]);
  }
  fclose(file);
}

static void check_order(rng_t *rng) {
  eplb_loads_t *l = random_recording(rng, 5);
  put_shuffled(rng, l);
  eplb_loads_t *again = loads_file_read(folder_path("loads.csv"));
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
  eplb_loads_destroy(&l);
}

static void rows_may_come_in_any_order(void) {
  shapes_try(500, 2, check_order);
}

static void standard_input_is_a_file_too(void) {
  eplb_loads_t *l = NULL;
  CU_ASSERT_PTR_NOT_NULL_FATAL(freopen(put(HEADER "0,0,1,2\n"), "r", stdin));
  CU_ASSERT_EQUAL_FATAL(eplb_loads_read("-", &l), EPLB_SUCCESS);
  CU_ASSERT(l->num_experts == 2 && l->load[1] == 2);
  eplb_loads_destroy(&l);
  CU_ASSERT_PTR_NOT_NULL_FATAL(freopen(put("1,x\n"), "r", stdin));
  TAP_FAILS(eplb_loads_read("-", &l), EPLB_ERR_FORMAT, "standard input, line 1, column 2: \"x\"");
}

static void files_that_cannot_be_read(void) {
  CU_ASSERT_EQUAL(loads_file_refused(folder_path("missing.csv")), EPLB_ERR_IO);
  CU_ASSERT_EQUAL(loads_file_refused(folder_path("missing/loads.csv")), EPLB_ERR_IO);
  eplb_loads_t *l = NULL;
  TAP_FAILS(eplb_loads_read(NULL, &l), EPLB_ERR_ARGUMENT, "path is NULL");
  TAP_FAILS(eplb_loads_read("x", NULL), EPLB_ERR_ARGUMENT, "loads is NULL");
}

static void files_without_loads(void) {
  refuse("", EPLB_ERR_FORMAT, "holds no loads");
  refuse("\n\r\n   \n", EPLB_ERR_FORMAT, "holds no loads");
  refuse(HEADER, EPLB_ERR_FORMAT, "holds no loads");
  refuse("window,layer\n", EPLB_ERR_FORMAT, "line 1: no column for any expert");
  refuse("window,layer\n0,0\n", EPLB_ERR_FORMAT, "line 1: no column for any expert");
  refuse("window\n", EPLB_ERR_FORMAT, "line 1: no column for any expert");
  refuse("window", EPLB_ERR_FORMAT, "line 1: no column for any expert");
}

static void other_headers(void) {
  refuse("\n\nwindow,e0,e1\n0,1,2\n", EPLB_ERR_FORMAT, "line 3, column layer: \"e0\"; expected layer");
  refuse("layer,window,e0\n0,0,1\n", EPLB_ERR_FORMAT, "line 1, column expert: \"window\"; expected expert_id");
  refuse(HEADER HEADER, EPLB_ERR_FORMAT, "line 2, column window: \"window\"; expected a whole number");
  refuse("1,2,3,4\n" HEADER, EPLB_ERR_FORMAT, "line 2, column 1: \"window\"; expected a number");
}

static void fields_that_are_no_numbers(void) {
  refuse("1,2\n3,four\n", EPLB_ERR_FORMAT, "line 2, column 2: \"four\"; expected a number");
  refuse("1,2\n3,4x\n", EPLB_ERR_FORMAT, "line 2, column 2: \"4x\"; expected a number");
  refuse("1,2\n3,4 5\n", EPLB_ERR_FORMAT, "line 2, column 2: \"4 5\"; expected a number");
  refuse("1;2\n", EPLB_ERR_FORMAT, "line 1, column 1: \"1;2\"; expected a number");
  refuse("0x1p3,2\n", EPLB_ERR_FORMAT, "line 1, column 1: \"0x1p3\"; expected a number");
  refuse("1,0XA\n", EPLB_ERR_FORMAT, "line 1, column 2: \"0XA\"; expected a number");
  refuse("1,,2\n", EPLB_ERR_FORMAT, "line 1, column 2: \"\"; expected a number");
  refuse("1,2,\n", EPLB_ERR_FORMAT, "line 1, column 3: \"\"; expected a number");
  refuse(HEADER "0,0,1,2\n\n0,1,3,?\n", EPLB_ERR_FORMAT, "line 4, column e1: \"?\"; expected a number");
  refuse(HEADER "0,0,--1,2\r\n", EPLB_ERR_FORMAT, "line 2, column e0: \"--1\"; expected a number");
}

static void loads_that_cannot_be(void) {
  static const char *const bad[] = {"-1",    "-1e-300", "nan", "-nan", "inf",    "infinity", "9223372036854775808",
                                    "1e400", "-inf",    "NaN", "1e19", "-1e400", "INFINITY"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[128], sentence[128];
    snprintf(text, sizeof text, HEADER "0,0,1,2\n0,1,%s,4\n", bad[i]);
    snprintf(sentence, sizeof sentence, "line 3, column e0: \"%s\"; expected a load from 0 to below 2^63", bad[i]);
    refuse(text, EPLB_ERR_LOADS, sentence);
  }
}

static void windows_and_layers_that_are_no_numbers(void) {
  static const char *const bad[] = {
      "-1", "1.5", "x", "", "2147483648", "99999999999999999999", "1e3", "0x1", "-9223372036854775809", "nan"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[128], sentence[128];
    snprintf(text, sizeof text, HEADER "%s,0,1,2\n", bad[i]);
    snprintf(sentence, sizeof sentence, "line 2, column window: \"%s\"; expected a whole number, 0 or more", bad[i]);
    refuse(text, EPLB_ERR_FORMAT, sentence);
    snprintf(text, sizeof text, HEADER "0,%s,1,2\n", bad[i]);
    snprintf(sentence, sizeof sentence, "line 2, column layer: \"%s\"; expected a whole number, 0 or more", bad[i]);
    refuse(text, EPLB_ERR_FORMAT, sentence);
  }
}

static void ragged_rows(void) {
  refuse("1,2,3\n4,5\n", EPLB_ERR_FORMAT, "line 2: 2 columns; expected 3, as in the first line");
  refuse("1,2\n3,4\n5,6,7\n", EPLB_ERR_FORMAT, "line 3: 3 columns; expected 2");
  refuse(HEADER "0,0,1,2\n0,1,3,4,5\n", EPLB_ERR_FORMAT, "line 3: 5 columns; expected 4");
  refuse(HEADER "0,0,1,2\n0\n", EPLB_ERR_FORMAT, "line 3: 1 column; expected 4");
  refuse(HEADER "0,0,1,2\n0,1,3", EPLB_ERR_FORMAT, "line 3: 3 columns; expected 4"); /* cut short */
  refuse(HEADER "0,0,1,2\n0,1,", EPLB_ERR_FORMAT, "line 3: 3 columns; expected 4");
  refuse(HEADER "0,0,1,2\n0,1,3,", EPLB_ERR_FORMAT, "line 3: window 0, layer 1 has 1 expert; expected 2");
  refuse(HEADER "0,0,1,2\n1,0,3,4,5", EPLB_ERR_FORMAT, "line 3: 5 columns; expected 4");
  refuse(HEADER "0,0,1,2\n1,0,3\n", EPLB_ERR_FORMAT, "line 3: 3 columns; expected 4"); /* the line has an end */
  refuse("1,2\n3,4\n5", EPLB_ERR_FORMAT, "line 3: 1 column; expected 2");
}

static void windows_that_differ(void) {
  refuse(HEADER "0,0,1,2\n0,1,3,4\n1,0,5,6\n2,0,5,6\n2,1,5,6\n", EPLB_ERR_FORMAT,
         "window 1 has 1 layer and window 0 has 2");
  refuse(HEADER "3,0,1,2\n5,1,3,4\n5,0,5,6\n", EPLB_ERR_FORMAT, "window 5 has 2 layers and window 3 has 1");
  refuse(HEADER "0,0,1,2\n0,1,3,4\n1,2,5,6\n1,0,7,8\n", EPLB_ERR_FORMAT,
         "line 4: window 1 has layer 2 and window 0 does not; expected the same layers in each");
}

/* As a recorder leaves it that was killed. */
static void a_window_that_is_cut_off_is_left_out(void) {
  static const char *const ends[] = {"1,0,5,6\n",  "1,0,5,6\n1,1,7", "1,0,5,6\n1,1,", "1,0,5,6\n1,",
                                     "1,0,5,6\n1", "1,0,5",          "1,0,5,",        "1,"};
  char text[128];
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    snprintf(text, sizeof text, HEADER "0,0,1,2\n0,1,3,4\n%s", ends[i]);
    eplb_loads_t *l = loads_file_read(put(text));
    CU_ASSERT(l->num_windows == 1 && l->num_layers == 2 && l->incomplete == 1);
    CU_ASSERT(l->load[0] == 1 && l->load[3] == 4);
    eplb_loads_destroy(&l);
  }
  eplb_loads_t *l = loads_file_read(put(HEADER "0,0,1,2\n0,1,3,4\n"));
  CU_ASSERT(l->num_windows == 1 && l->incomplete == 0);
  eplb_loads_destroy(&l);
}

static void rows_that_come_twice(void) {
  refuse(HEADER "0,0,1,2\n0,0,1,2\n", EPLB_ERR_FORMAT, "line 3: window 0, layer 0 was in line 2 already");
  refuse(HEADER "4,7,1,2\n4,8,1,2\n\n4,7,1,2\n", EPLB_ERR_FORMAT, "line 5: window 4, layer 7 was in line 2 already");
  refuse(HEADER "0,0,1,2\n1,0,1,2\n0,1,1,2\n1,0,1,2\n", EPLB_ERR_FORMAT,
         "line 5: window 1, layer 0 was in line 3 already");
}

/* Lines are counted as an editor counts them, also where a quoted field has more than one. */
static void lines_within_quotation_marks_count(void) {
  refuse("window,layer,\"a\nb\",c\n0,0,1,x\n", EPLB_ERR_FORMAT, "line 3, column e1: \"x\"");
  refuse("window,layer,\"a\n\n\r\n\"\n0,0,1\n0,0,2\n", EPLB_ERR_FORMAT,
         "line 6: window 0, layer 0 was in line 5 already");
}

static void quotation_marks_that_go_nowhere(void) {
  refuse("1,2\n\"3,4\n", EPLB_ERR_FORMAT, "line 2: a quotation mark that opens or closes nothing");
  refuse("1,2\n3,4\"\n", EPLB_ERR_FORMAT, "line 2: a quotation mark that opens or closes nothing");
  refuse("1,2\n\"3\"x,4\n", EPLB_ERR_FORMAT, "line 2: a quotation mark that opens or closes nothing");
}

static void bytes_that_are_no_text(void) {
  static const char elf[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0>\0\1\0\0\0\n\0,\0",
                    gzip[] = "\37\213\10\0\0\0\0\0\2\3";
  refuse_bytes("1,2\0\n", 5, EPLB_ERR_FORMAT, "line 1, column 2: \"2\\x00\"; expected a number");
  refuse_bytes("1,\0"
               "2\n",
               5, EPLB_ERR_FORMAT, "line 1, column 2: \"\\x002\"; expected a number");
  refuse_bytes("\0", 1, EPLB_ERR_FORMAT, "line 1, column 1: \"\\x00\"; expected a number");
  refuse_bytes(HEADER "0\0,0,1,2\n", sizeof HEADER + 8, EPLB_ERR_FORMAT, "line 2, column window: \"0\\x00\"");
  refuse_bytes("window\0,layer,e0\n0,0,1\n", 23, EPLB_ERR_FORMAT, "line 1, column 1: \"window\\x00\"");
  refuse_bytes("window,layer\0,e0\n0,0,1\n", 23, EPLB_ERR_FORMAT, "line 1, column layer: \"layer\\x00\"");
  refuse_bytes(elf, sizeof elf, EPLB_ERR_FORMAT, "line 1, column 1: \"\\x7fELF\\x02\\x01");
  refuse_bytes(gzip, sizeof gzip, EPLB_ERR_FORMAT, "is compressed by gzip");
  refuse("\377\376\n", EPLB_ERR_FORMAT, "is UTF-16; expected UTF-8");
  refuse("\376\377\n", EPLB_ERR_FORMAT, "is UTF-16; expected UTF-8");
}

/* `count` times `unit`, between `before` and `after`; the caller frees it. */
static char *repeat(const char *before, const char *unit, size_t count, const char *after) {
  size_t head = strlen(before), length = strlen(unit);
  char *text = malloc(head + count * length + strlen(after) + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  strcpy(text, before);
  for (size_t i = 0; i < count; i++)
    memcpy(text + head + i * length, unit, length);
  strcpy(text + head + count * length, after);
  return text;
}

static void refuse_repeated(const char *before, const char *unit, size_t count, const char *after,
                            const char *sentence) {
  char *text = repeat(before, unit, count, after);
  refuse(text, EPLB_ERR_FORMAT, sentence);
  free(text);
}

static void fields_and_lines_without_end(void) {
  refuse_repeated("1,2\n3,", "x", 50, "\n", "line 2, column 2: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
  refuse_repeated("1,2\n", "7", 1 << 20, "\n", "line 2: a field of more than 65536 characters");
  refuse_repeated("1,2\n\"", "\n", 1 << 20, "\n", "line 2: a field of more than 65536 characters");
  refuse_repeated("1,2\n", "7,", 1 << 19, "7\n", "line 2: 524289 columns; expected 2");
  refuse_repeated("", "7,", 1 << 20, "7\n", "line 1: more than 1048576 columns");
}

static void long_lines_of_good_fields_are_read(void) {
  enum { EXPERTS = 1 << 19 };
  char *text = repeat("", "7,", EXPERTS - 1, "8\n");
  eplb_loads_t *l = loads_file_read(put(text));
  CU_ASSERT(l->num_experts == EXPERTS && l->num_layers == 1 && l->num_windows == 1);
  CU_ASSERT(l->load[0] == 7 && l->load[EXPERTS - 2] == 7 && l->load[EXPERTS - 1] == 8);
  eplb_loads_destroy(&l);
  free(text);
}

/* Fields that lie across two blocks of reading. */
static void check_block_edge(rng_t *rng) {
  char *text = repeat("", "\n", (1 << 16) - (size_t)rng_between(rng, 0, 20), "11.5,222\r\n3,4444\n");
  check_text(text, 1, 2, 2, NULL, (double[]){11.5, 222, 3, 4444});
  free(text);
}

static void fields_may_lie_anywhere_in_a_file(void) {
  shapes_try(100, 3, check_block_edge);
}

enum { MUTATED_MAX = 512 };

/* A small valid file of either form. */
static size_t valid_text(rng_t *rng, char *text) {
  static const char *const valid[] = {
      "window,layer,e0,e1,e2\n0,3,90,132,40\n0,4,61,104,165\n1,3,39,4,73\n1,4,56,183,86\n",
      "window,layer,a,b\r\n7,1,1e3,2.5\r\n\r\n9,1,\"4\",0\r\n8,1,17,19\r\n",
      "90,132,40,61,104,165\n39,4,73,56,183,86\n20,107,104,64,19,197\n", "1\n2\n3"};
  strcpy(text, valid[rng_between(rng, 0, 3)]);
  return strlen(text);
}

/* One small damage: a byte replaced by any or by one that means something, put in, or taken out, or the rest cut
 * off. */
static size_t mutate(rng_t *rng, char *text, size_t size) {
  static const char telling[] = "\n\r,\"-+.0123456789eEnaixf \t";
  size_t at = (size_t)rng_between(rng, 0, (int)size - 1);
  char byte =
      rng_between(rng, 0, 1) ? (char)rng_between(rng, 0, 255) : telling[rng_between(rng, 0, sizeof telling - 2)];
  switch (rng_between(rng, 0, 3)) {
  case 0:
    text[at] = byte;
    return size;
  case 1:
    memmove(text + at + 1, text + at, size - at);
    text[at] = byte;
    return size + 1;
  case 2:
    memmove(text + at, text + at + 1, size - at - 1);
    return size - 1;
  default:
    return rng_between(rng, 0, 4) ? size : at; /* else most would be short */
  }
}

static void check_consistent(const eplb_loads_t *l) {
  CU_ASSERT_FATAL(l->num_windows >= 1 && l->num_layers >= 1 && l->num_experts >= 1);
  CU_ASSERT_EQUAL(eplb_loads_check(l->num_windows * l->num_layers, l->num_experts, l->load), EPLB_SUCCESS);
  CU_ASSERT(l->layer_id[0] >= 0);
  for (int i = 1; i < l->num_layers; i++)
    CU_ASSERT(l->layer_id[i] > l->layer_id[i - 1]);
}

static void check_mutated(rng_t *rng) {
  char text[MUTATED_MAX];
  size_t size = valid_text(rng, text);
  for (int damages = rng_between(rng, 1, 6); damages > 0 && size > 0; damages--)
    size = mutate(rng, text, size);
  const char *path = folder_put("loads.csv", text, size);
  eplb_loads_t untouched, *l = &untouched;
  eplb_status_t status = eplb_loads_read(path, &l);
  if (status) {
    CU_ASSERT(status == EPLB_ERR_FORMAT || status == EPLB_ERR_LOADS);
    CU_ASSERT_EQUAL(loads_file_refused(path), status);
  } else {
    check_consistent(l);
    eplb_loads_destroy(&l);
  }
}

static void damaged_files_are_read_or_refused(void) {
  shapes_try(10000, 4, check_mutated);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"without header lines are layers", without_header_lines_are_layers},
      {"with header lines are windows and layers", with_header_lines_are_windows_and_layers},
      {"layers keep the numbers of the model", layers_keep_the_numbers_of_the_model},
      {"line ends and blanks do not matter", line_ends_and_blanks_do_not_matter},
      {"a row for each expert", a_row_for_each_expert},
      {"a row for each expert needs no header", a_row_for_each_expert_needs_no_header},
      {"a byte order mark does not matter", a_byte_order_mark_does_not_matter},
      {"refused: numbers that may be keys", numbers_that_may_be_keys},
      {"refused: rows for experts that are wrong", rows_for_experts_that_are_wrong},
      {"numbers may be written in many ways", numbers_may_be_written_in_many_ways},
      {"rows may come in any order", rows_may_come_in_any_order},
      {"standard input is a file too", standard_input_is_a_file_too},
      {"refused: files that cannot be read", files_that_cannot_be_read},
      {"refused: files without loads", files_without_loads},
      {"refused: other headers", other_headers},
      {"refused: fields that are no numbers", fields_that_are_no_numbers},
      {"refused: loads that cannot be", loads_that_cannot_be},
      {"refused: windows and layers that are no numbers", windows_and_layers_that_are_no_numbers},
      {"refused: ragged rows", ragged_rows},
      {"refused: windows that differ", windows_that_differ},
      {"a window that is cut off is left out", a_window_that_is_cut_off_is_left_out},
      {"refused: rows that come twice", rows_that_come_twice},
      {"refused: quotation marks that go nowhere", quotation_marks_that_go_nowhere},
      {"refused: bytes that are no text", bytes_that_are_no_text},
      {"refused: fields and lines without end", fields_and_lines_without_end},
      {"lines within quotation marks count", lines_within_quotation_marks_count},
      {"long lines of good fields are read", long_lines_of_good_fields_are_read},
      {"fields may lie anywhere in a file", fields_may_lie_anywhere_in_a_file},
      {"damaged files are read or refused", damaged_files_are_read_or_refused},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_csv", tests);
  folder_remove();
  return failed;
}
