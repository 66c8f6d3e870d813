/* Loads in JSON and in JSON lines: what else is read, and what is refused. */
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATS "{\"record_type\":\"eplb_load_stats\",\"version\":1,"

static const char *put(const char *text) {
  return folder_put("loads", text, strlen(text));
}

static void refuse(const char *text, const char *sentence) {
  loads_file_refuse(put(text), EPLB_ERR_FORMAT, sentence);
}

static void check(const char *text, int windows, int layers, int experts, const double *load) {
  eplb_loads_t *l = loads_file_read(put(text));
  CU_ASSERT_FATAL(l->num_windows == windows && l->num_layers == layers && l->num_experts == experts);
  for (int i = 0; i < windows * layers * experts; i++)
    CU_ASSERT_EQUAL(l->load[i], load[i]);
  for (int i = 0; i < layers; i++)
    CU_ASSERT_EQUAL(l->layer_id[i], i);
  eplb_loads_destroy(&l);
}

static void an_array_of_layers_is_one_window(void) {
  static const double load[] = {1, 2, 3, 4.5, 0, 0x1.fffffffffffffp62};
  check("{\"logical_count\": [[1, 2, 3], [4.5, 0, 9223372036854774784]]}", 1, 2, 3, load);
  check("[[1, 2, 3], [45e-1, -0.0, 9223372036854774784.0]]", 1, 2, 3, load);
  check("[[[1, 2, 3]], [[4.5, 0, 9223372036854774784]]]", 2, 1, 3, load);
  check("{\"load_history\": [{\"logical_expert_load\": [[1, 2, 3], [4.5, 0, 9223372036854774784]]}]}", 1, 2, 3, load);
}

static void replicas_are_added_up(void) {
  static const double load[] = {6, 4, 10, 0};
  check(STATS "\"expert_load\":[[1,4,5],[3,0,7]],\"p2l_map\":[[0,1,0],[0,1,0]]}", 1, 2, 2, load);
  check(STATS "\"expert_load\":[[1,4,0,5],[0,10,0,0]],\"p2l_map\":[[0,1,-1,0],[-1,0,1,-1]]}", 1, 2, 2, load);
  check(STATS "\n\"expert_load\":\n[[6,4]],\"p2l_map\":[[0,1]]}" STATS "\"expert_load\":[[0,10]],\"p2l_map\":[[1,0]]}",
        2, 1, 2, load); /* in one line or in many */
}

#define RECORD(pass, rank, load) "{\"forward_pass_id\":" #pass ",\"rank\":" #rank ",\"global_physical_count\":" load "}"
#define PASSES(records, map)     "{\"records\":[" records "],\"last_physical_to_logical_map\":" map "}"

static void ranks_of_a_forward_pass_are_added_up(void) {
  check(PASSES(RECORD(8, 0, "[[1,2,0],[3,1,0]]") "," RECORD(3, 1, "[[10,2,3],[1,12,5]]") "," RECORD(
                   3, 0, "[[1,4,4],[2,8,1]]"),
               "[[0,1,0],[0,1,1]]"),
        2, 2, 2, (double[]){18, 6, 3, 26, 1, 2, 3, 1});
  check(PASSES(RECORD(0, 0, "[[9,6,9]]"), "[[0,1,0]]"), 1, 1, 2, (double[]){18, 6});
  refuse(PASSES("", "[[0,1,0]]"), ": records is empty; expected an array of forward passes");
  refuse("{\"records\":[" RECORD(0, 0, "[[1]]") "]}", ": last_physical_to_logical_map is nothing");
  refuse(PASSES(RECORD(null, 0, "[[9,6]]"), "[[0,1]]"),
         ": records[0].forward_pass_id is null; expected a whole number");
  refuse(PASSES(RECORD(-1, 0, "[[9,6]]"), "[[0,1]]"),
         ": records[0].forward_pass_id is another; expected a whole number");
  refuse(PASSES(RECORD(0, 0, "[[9,6]]"), "[[0,1,0]]"),
         ": records[0].global_physical_count[0] has 2 loads; expected 3, as last_physical_to_logical_map has");
  refuse(PASSES(RECORD(0, 0, "[[9,6,1],[1,1,1]]"), "[[0,1,0]]"),
         ": records[0].global_physical_count has 2 layers; expected 1, as last_physical_to_logical_map has");
  refuse(PASSES(RECORD(0, 0, "[[9,6]]") ",7", "[[0,1]]"), ": records[1].forward_pass_id is nothing");
}

static void texts_that_are_no_json(void) {
  refuse("{", "line 1: ");
  refuse("[[1, 2],\n[3, NaN]]", "line 2: invalid token near 'NaN'; expected loads as JSON");
  refuse("[[1, 2],\n[3, Infinity]]", "line 2: ");
  refuse("[[1, 2]]\n\n[[3, 4]]", "line 3: more than one value; expected loads as JSON");
  refuse("[[1, 2]] x", "line 1: more than one value");
  refuse("{\"logical_count\": [[1]], \"logical_count\": [[1]]}", "duplicate");
  refuse("[[\"\1\"]]", "control character");
  refuse("[[\"\377\"]]", "line 1: unable to decode byte 0xff");
  refuse("[[\"\303\244\", \303\244]]", "line 1: ");
  refuse("[[9223372036854775808]]", "too big integer");
  refuse("[[1e400]]", "real number overflow");
}

/* Brackets without end, as deep as a stack might not hold. */
static void brackets_without_end(void) {
  enum { DEPTH = 1 << 20 };
  char *text = malloc(DEPTH);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  memset(text, '[', DEPTH);
  loads_file_refuse(folder_put("loads", text, DEPTH), EPLB_ERR_FORMAT, "maximum parsing depth reached");
  free(text);
}

static void documents_without_loads(void) {
  refuse("{}", "has no loads; expected \"logical_count\", \"load_history\", \"records\" or \"record_type\"");
  refuse("{\"physical_to_logical_map\": [[0, 1]]}", "has no loads");
  refuse("{\"logical_count\": [[1]], \"load_history\": []}", "has more than one of");
  refuse("{\"logical_count\": 7}", ": logical_count is a whole number; expected an array of layers");
  refuse("{\"logical_count\": null}", ": logical_count is null;");
  refuse("{\"logical_count\": []}", ": logical_count is empty; expected an array of layers");
  refuse("[]", ": the array is empty; expected an array of layers");
  refuse("[1, 2]", ": the array[0] is a whole number; expected an array of loads of experts");
  refuse("[[]]", ": the array[0] is empty; expected an array of loads of experts");
  refuse("[[[]]]", ": the array[0][0] is empty");
  refuse("{\"load_history\": {}}", ": load_history is an object; expected an array of windows");
  refuse("{\"load_history\": [7]}", ": load_history[0].logical_expert_load is nothing; expected an array of layers");
  refuse("{\"load_history\": [{\"logical_expert_load\": [[[1]]]}]}",
         ": load_history[0].logical_expert_load[0][0] is an array; expected a number");
}

static void rows_of_other_sizes(void) {
  refuse("[[1, 2], [3]]", ": window 0, layer 1 has 1 expert; expected 2");
  refuse("[[[1, 2]], [[3, 4, 5]]]", ": window 1, layer 0 has 3 experts; expected 2");
  refuse("[[[1, 2]], [[3, 4], [5, 6]]]", ": window 1 has 2 layers and window 0 has 1; expected the same in each");
  refuse("[[[1, 2], [3, 4]], [[5, 6]]]", ": window 1 has 1 layer and window 0 has 2; expected the same in each");
  refuse(STATS "\"expert_load\":[[1],[2]],\"p2l_map\":[[0],[0]]}" STATS "\"expert_load\":[[3]],\"p2l_map\":[[0]]}",
         ": window 1 has 1 layer and window 0 has 2; expected the same in each"); /* the last record is whole */
  refuse("[[[1, 2]], []]", ": the array[1] is empty");
  refuse("[[[1, 2]], [3, 4]]", ": the array[1][0] is a whole number; expected an array of loads of experts");
}

static void loads_that_are_none(void) {
  static const char *const bad[][2] = {{"null", "null"}, {"true", "true"}, {"\"7\"", "a text"}, {"{}", "an object"}};
  char text[128], sentence[128];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(text, sizeof text, "{\"logical_count\": [[[1, 2], [3, %s]]]}", bad[i][0]);
    snprintf(sentence, sizeof sentence, ": logical_count[0][1][1] is %s; expected a number", bad[i][1]);
    refuse(text, sentence);
  }
  loads_file_refuse(put("[[1, -2]]"), EPLB_ERR_LOADS, "the array[0][1] is -2; expected a load from 0 to below 2^63");
  loads_file_refuse(put("[[1e19]]"), EPLB_ERR_LOADS, "the array[0][0] is 1e+19;");
  loads_file_refuse(put("[[9223372036854775807]]"), EPLB_ERR_LOADS, "is 9.22337e+18;"); /* 2^63, rounded */
}

static void records_that_are_wrong(void) {
  refuse("{\"record_type\":\"other\"}\n{\"record_type\":7}", ", line 2: a record without a \"record_type\"");
  refuse("{\"record_type\":\"other\"}\n[]", ", line 2: a record without a \"record_type\"");
  refuse("{\"record_type\":\"other\"}\n", "has no record of loads; expected one of type \"eplb_load_stats\"");
  refuse("{\"record_type\":\"other\"}\n\n{\"record_type\":", ", line 3: ");
  refuse("{\"record_type\":\"other\"}\n7", ", line 2: ");
  refuse("{\"record_type\":\"eplb_load_stats\"}", ", line 1: the record's version is not 1");
  refuse("{\"record_type\":\"eplb_load_stats\",\"version\":2}", ", line 1: the record's version is not 1");
  refuse(STATS "\"p2l_map\":[[0]]}", ", line 1: expert_load is nothing; expected an array of layers");
  refuse(STATS "\"expert_load\":[[0]]}", ", line 1: p2l_map is nothing; expected an array with a row for each layer");
  refuse(STATS "\"expert_load\":[[0]],\"p2l_map\":[[0],[0]]}", "expert_load has 1 layer; expected 2, as p2l_map has");
  refuse(STATS "\"expert_load\":[[0,1]],\"p2l_map\":[[0]]}", "expert_load[0] has 2 loads; expected 1, as p2l_map has");
  refuse(STATS "\"expert_load\":[7],\"p2l_map\":[[0]]}",
         "expert_load[0] is a whole number; expected an array of loads");
  refuse(STATS "\"expert_load\":[[\"1\"]],\"p2l_map\":[[0]]}", "expert_load[0][0] is a text; expected a number");
}

static void maps_that_are_wrong(void) {
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,2]]}", "row 0, slot 1 of p2l_map is not an expert's number");
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,-2]]}", "row 0, slot 1 of p2l_map is not an expert's number");
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,0.5]]}", "row 0, slot 1 of p2l_map is not an expert's number");
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[1,1]]}", "layer 0: expert 0 has no slot");
  refuse(STATS "\"expert_load\":[[0,0]],\"p2l_map\":[[-1,-1]]}", ", line 1: all slots are empty");
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,-1]]}", "expert_load[0][1] is 2, and the slot is empty");
  refuse(STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,1]]}\n" STATS "\"expert_load\":[[1,2]],\"p2l_map\":[[0,0]]}",
         ", line 2: window 1, layer 0 has 1 expert; expected 2");
}

static void sums_that_are_no_loads(void) {
  loads_file_refuse(put(STATS "\"expert_load\":[[9e18,9e18]],\"p2l_map\":[[0,0]]}"), EPLB_ERR_LOADS,
                    ", line 1: window 0, layer 0, expert 0 has a load of 1.8e+19; expected one from 0 to below 2^63");
  loads_file_refuse(put(STATS "\"expert_load\":[[-1,5]],\"p2l_map\":[[0,0]]}"), EPLB_ERR_LOADS,
                    ", line 1: expert_load[0][0] is -1; expected a load from 0 to below 2^63");
}

int main(void) {
  static const tap_test_t tests[] = {{"an array of layers is one window", an_array_of_layers_is_one_window},
                                     {"replicas are added up", replicas_are_added_up},
                                     {"ranks of a forward pass are added up", ranks_of_a_forward_pass_are_added_up},
                                     {"refused: texts that are no JSON", texts_that_are_no_json},
                                     {"refused: brackets without end", brackets_without_end},
                                     {"refused: documents without loads", documents_without_loads},
                                     {"refused: rows of other sizes", rows_of_other_sizes},
                                     {"refused: loads that are none", loads_that_are_none},
                                     {"refused: records that are wrong", records_that_are_wrong},
                                     {"refused: maps that are wrong", maps_that_are_wrong},
                                     {"refused: sums that are no loads", sums_that_are_no_loads},
                                     {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_json", tests);
  folder_remove();
  return failed;
}
