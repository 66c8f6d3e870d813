/* TensorRT-LLM's statistics: folders and safetensors that are refused. */
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define U8(begin, end) "{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[" #begin "," #end "]}"

static void put_meta(const char *text) {
  folder_put("meta_info.json", text, strlen(text));
}

/* A rank's file: this header, with its length or another one before it, and so many of the bytes 0, 1, ... behind. */
static void put_rank(int rank, const char *header, size_t length, size_t size) {
  unsigned char bytes[1024] = {(unsigned char)(length & 255), (unsigned char)(length >> 8)};
  char name[32];
  size_t here = strlen(header);
  CU_ASSERT_FATAL(8 + here + size <= sizeof bytes);
  memcpy(bytes + 8, header, here);
  for (size_t i = 0; i < size; i++)
    bytes[8 + here + i] = (unsigned char)i;
  snprintf(name, sizeof name, "rank%d.safetensors", rank);
  folder_put(name, bytes, 8 + here + size);
}

static void put(const char *header, size_t size) {
  put_meta("{\"num_experts\": 2}");
  put_rank(0, header, strlen(header), size);
}

static void refuse(eplb_status_t status, const char *sentence) {
  loads_file_refuse(folder_path(""), status, sentence);
}

static void refuse_header(const char *header, size_t size, const char *sentence) {
  put(header, size);
  refuse(EPLB_ERR_FORMAT, sentence);
}

static void remove_files(void) {
  remove(folder_path("meta_info.json"));
  remove(folder_path("rank0.safetensors"));
  remove(folder_path("rank2.safetensors"));
}

static void tensors_come_in_any_order(void) {
  put("{\"10_7\":" U8(0, 2) ",\"9_7\":" U8(4, 6) ",\"10_3\":" U8(2, 4) ",\"9_3\":" U8(6, 8) "}", 8);
  eplb_loads_t *l = loads_file_read(folder_path(""));
  CU_ASSERT_FATAL(l->num_windows == 2 && l->num_layers == 2 && l->num_experts == 2);
  CU_ASSERT(l->layer_id[0] == 3 && l->layer_id[1] == 7);
  for (int i = 0; i < 8; i++) {
    static const double load[] = {6, 7, 4, 5, 2, 3, 0, 1};
    CU_ASSERT_EQUAL(l->load[i], load[i]);
  }
  eplb_loads_destroy(&l);
}

/* Ranks that were killed between two layers. */
static void a_last_iteration_without_all_layers_is_left_out(void) {
  put("{\"1_1\":" U8(0, 2) ",\"1_2\":" U8(2, 4) ",\"2_1\":" U8(4, 6) "}", 6);
  eplb_loads_t *l = loads_file_read(folder_path(""));
  CU_ASSERT(l->num_windows == 1 && l->num_layers == 2 && l->incomplete == 1);
  eplb_loads_destroy(&l);
}

static void folders_that_are_others(void) {
  remove_files();
  refuse(EPLB_ERR_FORMAT, "is a folder without meta_info.json; expected one of TensorRT-LLM's statistics");
  put_meta("{\"num_experts\": 2}");
  refuse(EPLB_ERR_IO, "cannot open");
  put_rank(2, "{}", 2, 0);
  refuse(EPLB_ERR_IO, "rank0.safetensors: No such file or directory");
  put("{\"1_1\":" U8(0, 2) "}", 2);
  refuse(EPLB_ERR_IO, "rank1.safetensors: No such file or directory"); /* its tokens would be missing */
  remove_files();
}

static void numbers_of_experts_that_cannot_be(void) {
  static const char *const bad[][2] = {{"0", "another"},    {"-1", "another"}, {"2147483648", "another"},
                                       {"2.0", "a number"}, {"null", "null"},  {"\"2\"", "a text"}};
  char text[64], sentence[128];
  put("{\"1_1\":" U8(0, 2) "}", 2);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(text, sizeof text, "{\"num_experts\": %s}", bad[i][0]);
    snprintf(sentence, sizeof sentence, "/meta_info.json: \"num_experts\" is %s; expected a whole number", bad[i][1]);
    put_meta(text);
    refuse(EPLB_ERR_FORMAT, sentence);
  }
  put_meta("[]");
  refuse(EPLB_ERR_FORMAT, "\"num_experts\" is nothing");
  put_meta("");
  refuse(EPLB_ERR_FORMAT, "meta_info.json is empty; expected TensorRT-LLM's statistics as JSON");
  put_meta("{\"num_experts\": 3}");
  refuse(EPLB_ERR_FORMAT, "tensor \"1_1\"; expected a \"shape\" of [3], as there are experts");
  put_meta("{\"num_experts\": 2147483647}");
  refuse(EPLB_ERR_FORMAT, "expected a \"shape\" of [2147483647]");
}

static void tensors_with_other_names(void) {
  static const char *const bad[] = {"1",
                                    "1_",
                                    "_1",
                                    "1_1_1",
                                    "1-1",
                                    "-1_1",
                                    "01_1",
                                    "1_01",
                                    "1_ 1",
                                    " 1_1",
                                    "2147483648_1",
                                    "1_2147483648",
                                    "+1_1",
                                    "weights",
                                    "",
                                    "0x1_1",
                                    "1_99999999999999999999"};
  char header[256], sentence[128];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(header, sizeof header, "{\"%s\":" U8(0, 2) "}", bad[i]);
    snprintf(sentence, sizeof sentence, "rank0.safetensors: tensor \"%s\"; expected iteration and layer", bad[i]);
    refuse_header(header, 2, sentence);
  }
}

static void tensors_of_other_types(void) {
  static const char *const bad[] = {"\"BF16\"", "\"BOOL\"", "\"F8_E4M3\"", "\"i64\"", "7", "null"};
  char header[256];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(header, sizeof header, "{\"1_1\":{\"dtype\":%s,\"shape\":[2],\"data_offsets\":[0,2]}}", bad[i]);
    refuse_header(header, 2, "tensor \"1_1\"; expected a \"dtype\" of whole or real numbers, such as \"I64\"");
  }
  refuse_header("{\"1_1\":7}", 2, "expected a \"dtype\"");
}

static void shapes_and_offsets_that_do_not_fit(void) {
  static const char *const shapes[] = {"[3]", "[2,1]", "[1,2]", "[]", "2", "[\"2\"]", "[2.0]"};
  static const char *const offsets[] = {"[0,3]",
                                        "[0,1]",
                                        "[1,3]",
                                        "[2,0]",
                                        "[-2,0]",
                                        "[0]",
                                        "[0,2,4]",
                                        "null",
                                        "[0.0,2.0]",
                                        "[9223372036854775806,9223372036854775807]",
                                        "[-9223372036854775807,9223372036854775807]"};
  char header[256];
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    snprintf(header, sizeof header, "{\"1_1\":{\"dtype\":\"U8\",\"shape\":%s,\"data_offsets\":[0,2]}}", shapes[i]);
    refuse_header(header, 2, "expected a \"shape\" of [2], as there are experts");
  }
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    snprintf(header, sizeof header, "{\"1_1\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":%s}}", offsets[i]);
    refuse_header(header, 2, "expected \"data_offsets\" of 2 numbers within 2 bytes");
  }
  refuse_header("{\"1_1\":" U8(0, 2) "}", 1, "expected \"data_offsets\" of 2 numbers within 1 byte"); /* cut short */
  refuse_header("{\"1_1\":" U8(0, 2) "}", 3, "rank0.safetensors has bytes that belong to no tensor");
  refuse_header("{\"1_1\":" U8(0, 2) ",\"1_2\":" U8(0, 2) "}", 2,
                "tensor \"1_2\"; expected bytes that no other tensor has");
  refuse_header("{\"1_1\":" U8(0, 2) ",\"1_2\":" U8(0, 2) "}", 4, /* as many bytes as there are, but not each once */
                "tensor \"1_2\"; expected bytes that no other tensor has");
  refuse_header("{\"1_2\":" U8(1, 3) ",\"1_1\":" U8(0, 2) "}", 4,
                "tensor \"1_2\"; expected bytes that no other tensor has");
  refuse_header("{\"1_1\":" U8(4, 6) ",\"1_2\":" U8(0, 2) ",\"1_3\":" U8(1, 3) "}", 6,
                "tensor \"1_3\"; expected bytes that no other tensor has");
}

static void headers_that_are_none(void) {
  put("{}", 0);
  refuse(EPLB_ERR_FORMAT, "holds no loads; expected tensors such as \"100_3\"");
  refuse_header("", 0, "its first 0 of 0 bytes of header are not a JSON object");
  refuse_header("[]", 0, "its first 2 of 2 bytes of header are not a JSON object");
  refuse_header("{\"1_1\":" U8(0, 2) ",\"1_1\":" U8(2, 4) "}", 4, "are not a JSON object");
  put_rank(0, "{}", 3, 0);
  refuse(EPLB_ERR_FORMAT, "its first 2 of 3 bytes of header are not a JSON object");
  put_rank(0, "{}", 1, 0);
  refuse(EPLB_ERR_FORMAT, "its first 1 of 1 byte of header");
  folder_put("rank0.safetensors", "\377\377\377\377\377\377\377\377{}", 10);
  refuse(EPLB_ERR_FORMAT, "is not safetensors; expected 8 bytes with the length of its header, up to 100000000");
  folder_put("rank0.safetensors", "\2\0\0\0\0\0\0", 7);
  refuse(EPLB_ERR_FORMAT, "is not safetensors");
  folder_put("rank0.safetensors", "", 0);
  refuse(EPLB_ERR_FORMAT, "is not safetensors");
}

static void layers_that_are_missing(void) {
  refuse_header(
      "{\"1_1\":" U8(0, 2) ",\"2_1\":" U8(2, 4) ",\"1_2\":" U8(4, 6) ",\"3_1\":" U8(6, 8) ",\"3_2\":" U8(8, 10) "}", 10,
      "window 2 has 1 layer and window 1 has 2; expected the same in each");
  refuse_header("{\"1_1\":" U8(0, 2) ",\"2_2\":" U8(2, 4) "}", 4,
                "window 2 has layer 2 and window 1 does not; expected the same layers in each");
}

static void loads_that_cannot_be(void) {
  put("{\"1_3\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
  size_t size;
  char *bytes = folder_get(folder_path("rank0.safetensors"), &size);
  bytes[size - 1] = (char)0x80;
  folder_put("rank0.safetensors", bytes, size);
  free(bytes);
  refuse(EPLB_ERR_LOADS, "window 1, layer 3, expert 1 has a load of -128; expected one from 0 to below 2^63");
}

static void a_file_of_the_folder_by_itself(void) {
  put("{\"1_1\":" U8(0, 2) "}", 2);
  loads_file_refuse(folder_path("rank0.safetensors"), EPLB_ERR_FORMAT, "looks like safetensors; expected the folder");
}

int main(void) {
  static const tap_test_t tests[] = {
      {"tensors come in any order", tensors_come_in_any_order},
      {"refused: folders that are others", folders_that_are_others},
      {"a last iteration without all layers is left out", a_last_iteration_without_all_layers_is_left_out},
      {"refused: numbers of experts that cannot be", numbers_of_experts_that_cannot_be},
      {"refused: tensors with other names", tensors_with_other_names},
      {"refused: tensors of other types", tensors_of_other_types},
      {"refused: shapes and offsets that do not fit", shapes_and_offsets_that_do_not_fit},
      {"refused: headers that are none", headers_that_are_none},
      {"refused: layers that are missing", layers_that_are_missing},
      {"refused: loads that cannot be", loads_that_cannot_be},
      {"refused: a file of the folder by itself", a_file_of_the_folder_by_itself},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_statistics", tests);
  folder_remove();
  return failed;
}
