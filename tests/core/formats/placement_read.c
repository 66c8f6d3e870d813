/* Placements as frameworks write them: read alike, or refused. */
#include "folder.h"
#include "tap.h"
#include <eplb/formats.h>
#include <string.h>

static const char *put(const char *text) {
  return folder_put("placement", text, strlen(text));
}

/* Two layers of three experts in four slots. `layers` are their numbers, or NULL where the file does not tell. */
static void check(const char *text, const int *layers, int devices) {
  static const int32_t map[] = {0, 1, 2, 0, 1, 0, 2, 2};
  eplb_placement_file_t *file = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_read(put(text), &file), EPLB_SUCCESS);
  const eplb_placement_t *p = file->placement;
  CU_ASSERT_FATAL(p->num_layers == 2 && p->num_experts == 3 && p->num_slots == 4);
  CU_ASSERT(!memcmp(p->physical_to_logical, map, sizeof map));
  CU_ASSERT(p->logical_replica_count[0] == 2 && p->logical_replica_count[5] == 2);
  CU_ASSERT_EQUAL(file->num_devices, devices);
  CU_ASSERT_EQUAL(file->layer_id != NULL, layers != NULL);
  for (int l = 0; layers && l < 2; l++)
    CU_ASSERT_EQUAL(file->layer_id[l], layers[l]);
  eplb_placement_file_destroy(&file);
  CU_ASSERT_PTR_NULL(file);
}

static void refuse(const char *text, const char *sentence) {
  const char *path = put(text);
  eplb_placement_file_t *file = NULL;
  TAP_FAILS(eplb_placement_read(path, &file), EPLB_ERR_FORMAT, sentence);
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), path));
  CU_ASSERT_PTR_NULL(file);
  if (!strstr(eplb_last_error(), sentence))
    printf("# %s\n# expected in it: %s\n", eplb_last_error(), sentence);
}

#define MAP      "\"physical_to_logical_map\": [[0,1,2,0],[1,0,2,2]]"
#define YAML     "num_slots: 4\ninitial_global_assignments:\n"
#define BOM      "\357\273\277"
#define DEVICES  "\"device_list\": [{\"device_id\": 0, \"device_expert\": "
#define DEVICE_1 "}, {\"device_id\": 1, \"device_expert\": "
static const int layers[] = {3, 7};

static void sglang(void) {
  check("{" MAP "}", NULL, 0);
  check(BOM "{\r\n" MAP "\r\n}\r\n", NULL, 0);
  refuse("{\"physical_to_logical_map\": [[0,1],[0]]}", ": row 1 of physical_to_logical_map has 1 slot; expected 2");
}

static void ours(void) {
  check("{\"version\": 1, \"topology\": {\"num_devices\": 2}, \"layers\": [3, 7], " MAP "}", layers, 2);
  refuse("{\"layers\": [3], " MAP "}", ": layers has 1 number; expected 2");
  refuse("{\"layers\": [7, 3], " MAP "}", ": layers[1] is another; expected numbers in ascending order");
  refuse("{\"layers\": [0, null], " MAP "}", ": layers[1] is null; expected numbers in ascending order");
}

static void tensorrt_llm(void) {
  check(YAML "  3: [0, 1, 2, 0]\n  7: [1, 0, 2, 2]\nlayer_updates_per_iter: 0\n", layers, 0);
  check(BOM YAML "  7:\r\n  - 1\r\n  - 0\r\n  - 2\r\n  - 2\r\n  3: [0, 1, 2, 0]\r\n", layers, 0);
  check("# made by hand\n---\ninitial_global_assignments: {3: [0, 1, 2, 0], 7: [1, 0, 2, 2]}\n", layers, 0);
  check("{\"initial_global_assignments\": {\"3\": [0,1,2,0], \"7\": [1,0,2,2]}, \"num_slots\": 4}", layers, 0);
  refuse(YAML "  3: [0, 1, 2]\n", ": num_slots is 4, and the rows of initial_global_assignments have 3");
  refuse(YAML "  x: [0, 1, 2, 0]\n", ": initial_global_assignments has the key \"x\"; expected a layer's number");
  refuse(YAML "  -3: [0, 1, 2, 0]\n", ": initial_global_assignments has the key \"-3\"");
  refuse(YAML "  3: [0, 1, 2, 0]\n  03: [0, 1, 2, 0]\n", ": initial_global_assignments has layer 3 twice");
  refuse(YAML "  3: [0, 1, 2, 0]\n  3: [0, 1, 2, 0]\n", ", line 4: a key comes twice");
  refuse(YAML "  3: [0, 1, two, 0]\n", ": row 0, slot 2 of initial_global_assignments is not an expert's number");
  refuse(YAML "  3: [0, 1, '2', 0]\n", ": row 0, slot 2 of initial_global_assignments is not an expert's number");
  refuse("initial_global_assignments: {}\n", ": initial_global_assignments is empty; expected an object");
  refuse("initial_global_assignments: 7\n", ": initial_global_assignments is a whole number; expected an object");
}

static void vllm(void) {
  static const char mapping[] = "{\"record_type\": \"eplb_initial_mapping\", \"version\": 1, \"num_slots\": 4, "
                                "\"initial_global_assignments\": {\"3\": [0,1,2,0], \"7\": [1,0,2,2]}}\n";
  static const char stats[] = "{\"record_type\": \"eplb_load_stats\", \"version\": 1}\n";
  char text[1024];
  check(mapping, layers, 0);
  snprintf(text, sizeof text, "%s%s%s", stats, mapping, stats);
  check(text, layers, 0);
  snprintf(text, sizeof text, "%s{\"record_type\": \"eplb_lo", mapping); /* cut off */
  check(text, layers, 0);
  refuse(stats, " has no record \"eplb_initial_mapping\"");
}

static void vllm_ascend(void) {
#define LAYERS(first, second)                                                                                          \
  "{\"moe_layer_count\": 2, \"layer_list\": [{\"layer_id\": 3, \"device_count\": 2, " first "]}, {\"layer_id\": 7, "   \
  "\"device_count\": 2, " second "]}]}"
  check(LAYERS(DEVICES "[0,1]" DEVICE_1 "[2,0]}", DEVICES "[1,0]" DEVICE_1 "[2,2]}"), layers, 2);
  refuse(LAYERS(DEVICES "[0,1]" DEVICE_1 "[2]}", DEVICES "[1,0]" DEVICE_1 "[2,2]}"),
         ": layer_list[0].device_list[1].device_expert has 1 expert; expected 2, as device 0");
  refuse(LAYERS(DEVICES "[0,1]" DEVICE_1 "[2,0]}", DEVICES "[1,0,2,2]}"),
         ": layer_list[1].device_count is another number; expected 1");
  refuse(LAYERS(DEVICES "[0,1]" DEVICE_1 "[]}", DEVICES "[1,0]" DEVICE_1 "[2,2]}"), ".device_expert is empty");
  refuse("{\"moe_layer_count\": 2, \"layer_list\": [{}]}", ": moe_layer_count is another number; expected 1");
  refuse("{\"layer_list\": [{\"layer_id\": 3}]}",
         ": layer_list[0].device_list is nothing; expected an array of devices");
  refuse("{\"layer_list\": [{}]}", ": layer_list[0].layer_id is nothing; expected numbers in ascending order");
  refuse("{\"layer_list\": [{\"layer_id\": 3, " DEVICES "[0]}]}, {\"layer_id\": 3, " DEVICES "[0]}]}]}",
         ": layer_list[1].layer_id is another; expected numbers in ascending order");
  refuse("{\"layer_list\": [{\"layer_id\": 3, \"device_list\": [{\"device_id\": 1, \"device_expert\": [0]}]}]}",
         ": layer_list[0].device_list[0].device_id is another number; expected 0");
}

static void texts_that_are_no_placements(void) {
  refuse("", ", line 1: nothing; expected a placement as JSON or YAML");
  refuse("{}",
         " holds no placement; expected the key physical_to_logical_map, initial_global_assignments or layer_list");
  refuse("[[0,1]]", " holds no placement");
  refuse("window,layer,e0\n0,0,1\n", " holds no placement");
  refuse("a: [1, 2\nb: 3\n", ", line 2: did not find expected ',' or ']'; expected a placement as JSON or YAML");
  refuse("a: &x [1]\nb: *x\n", ", line 2: an alias");
  refuse("? [1]\n: 2\n", ", line 1: a key is not a text");
  refuse("a: 1\n--- \nb: 2\n", ", line 2: more than one document");
  refuse("a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n", ", line 1: values too deep in each other");
  refuse("\177ELF\1\2", ", line 1: control characters are not allowed");
}

static void arguments(void) {
  eplb_placement_file_t *file = NULL;
  TAP_FAILS(eplb_placement_read(NULL, &file), EPLB_ERR_ARGUMENT, "path is NULL");
  TAP_FAILS(eplb_placement_read("x", NULL), EPLB_ERR_ARGUMENT, "file is NULL");
  TAP_FAILS(eplb_placement_read(folder_path("missing"), &file), EPLB_ERR_IO, "cannot open ");
  eplb_placement_file_destroy(NULL);
}

int main(void) {
  static const tap_test_t tests[] = {{"SGLang", sglang},
                                     {"ours", ours},
                                     {"TensorRT-LLM", tensorrt_llm},
                                     {"vLLM", vllm},
                                     {"vllm-ascend", vllm_ascend},
                                     {"texts that are no placements", texts_that_are_no_placements},
                                     {"arguments", arguments},
                                     {NULL, NULL}};
  folder_make();
  int failed = tap_run("placement_read", tests);
  folder_remove();
  return failed;
}
