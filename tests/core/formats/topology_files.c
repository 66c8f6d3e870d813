/* Declared topologies: short texts and JSON; measured links. */
#include "folder.h"
#include "tap.h"
#include <eplb/formats.h>
#include <stdio.h>
#include <string.h>

static eplb_topology_t *read_text(const char *text, int default_slots) {
  eplb_topology_t *t = NULL;
  eplb_status_t status = eplb_topology_read(text, default_slots, &t);
  if (status)
    printf("# %s\n", eplb_last_error());
  CU_ASSERT_FATAL(status == EPLB_SUCCESS);
  CU_ASSERT(t->declared);
  return t;
}

static void short_texts(void) {
  eplb_topology_t *t = read_text("nodes=4 gpus=8 slots=9", 0);
  CU_ASSERT(t->num_devices == 32 && eplb_topology_num_nodes(t) == 4 && eplb_topology_num_slots(t) == 288);
  CU_ASSERT(t->num_levels == 1 && eplb_topology_node(t, 7) == 0 && eplb_topology_node(t, 8) == 1);
  eplb_topology_destroy(&t);
  t = read_text("gpus=3,nodes=4,racks=2,islands=2", 5);
  CU_ASSERT(t->num_levels == 3 && t->node_level == 1 && eplb_topology_num_slots(t) == 60);
  CU_ASSERT(!strcmp(t->level_name[0], "rack") && !strcmp(t->level_name[2], "island"));
  CU_ASSERT(t->num_domains[0] == 2 && t->num_domains[2] == 8);
  CU_ASSERT(t->domain[5] == 0 && t->domain[6] == 1); /* two nodes to a rack */
  eplb_topology_destroy(&t);
}

static void bad_texts(void) {
  static const char *const bad[][2] = {{"nodes=2 gpu=3", "a word is not nodes"},
                                       {"nodes=0", "a number is not from 1"},
                                       {"nodes=2x", "a number is not from 1"},
                                       {"nodes=99999999999999999999", "a number is not from 1"},
                                       {"nodes=2 nodes=2", "a word comes twice"},
                                       {"nodes=2", "it has no slots"},
                                       {"nodes=1048576 gpus=2 slots=1", "more than 1048576 devices"},
                                       {"nodes=2 slots=1 racks=3", "more racks than nodes"},
                                       {"nodes=2 slots=1 islands=2", "more islands than GPUs"},
                                       {"nodes=2 slots", "a word is not nodes"}};
  eplb_topology_t *t = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    TAP_FAILS(eplb_topology_read(bad[i][0], 0, &t), EPLB_ERR_FORMAT, bad[i][1]);
  TAP_FAILS(eplb_topology_read("gpus=1048576 slots=1048576", 0, &t), EPLB_ERR_ARGUMENT, "slots in a layer");
  TAP_FAILS(eplb_topology_read(NULL, 0, &t), EPLB_ERR_ARGUMENT, "text is NULL");
  CU_ASSERT(t == NULL);
}

static const char *put(const char *text) {
  return folder_put("topology.json", text, strlen(text));
}

static void files(void) {
  eplb_topology_t *t =
      read_text(put("{\"topology\": {\"levels\": [\"rack\", \"node\"], \"domain_of_device\": [[0, 0, 1], [5, 6, 7]], "
                    "\"slots_of_device\": [1, 2, 3], \"speed_of_device\": [1, 2, 0.5]}}"),
                0);
  CU_ASSERT(t->num_devices == 3 && t->num_levels == 2 && t->node_level == 1 && eplb_topology_num_nodes(t) == 3);
  CU_ASSERT(eplb_topology_num_slots(t) == 6);
  CU_ASSERT_DOUBLE_EQUAL(t->speed[2], .5, 0);
  eplb_topology_destroy(&t);
  t = read_text(put("{\"node_of_device\": [1, 0, 1]}"), 4);
  CU_ASSERT(eplb_topology_num_nodes(t) == 2 && eplb_topology_num_slots(t) == 12 && eplb_topology_node(t, 2) == 0);
  eplb_topology_destroy(&t);
}

static void bad_files(void) {
  static const char *const bad[][2] = {
      {"", "expected a topology as JSON"},
      {"{", "expected a topology as JSON"},
      {"[]", "has no topology"},
      {"{}", "has no topology"},
      {"{\"node_of_device\": []}", "has no topology"},
      {"{\"node_of_device\": [0, -1], \"slots_of_device\": [1, 1]}", "number 1 of node_of_device is out of range"},
      {"{\"node_of_device\": [0, 1.5], \"slots_of_device\": [1, 1]}", "number 1 of node_of_device is out of range"},
      {"{\"node_of_device\": [0, 1]}", "has no slots"},
      {"{\"node_of_device\": [0, 1], \"slots_of_device\": [1]}",
       "slots_of_device has 1 number; expected one for each of 2"},
      {"{\"node_of_device\": [0], \"slots_of_device\": [1], \"speed_of_device\": [-1]}", "device 0 has speed"},
      {"{\"levels\": [\"rack\"], \"domain_of_device\": [[0]], \"slots_of_device\": [1]}",
       "does not say which level is the node"},
      {"{\"levels\": [\"rack\", \"node\"], \"domain_of_device\": [[0]]}", "2 levels and 1 row"},
      {"{\"levels\": [1], \"domain_of_device\": [[0]]}", "level 0 has no name"},
      {"{\"levels\": [\"rack\", \"node\"], \"domain_of_device\": [[0, 1], [0, 0]], \"slots_of_device\": [1, 1]}",
       "rack"},
  };
  eplb_topology_t *t = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    TAP_FAILS(eplb_topology_read(put(bad[i][0]), 0, &t), EPLB_ERR_FORMAT, bad[i][1]);
  TAP_FAILS(eplb_topology_read("no such file", 0, &t), EPLB_ERR_IO, "cannot open no such file");
  CU_ASSERT(t == NULL);
}

static void measured_links(void) {
  eplb_payback_t p;
  eplb_payback_init(&p);
  double device = p.bytes_per_second[EPLB_LINK_DEVICE];
  CU_ASSERT(eplb_links_read_json(put("{\"links\": {\"island\": {\"crosses_nodes\": false, \"bytes_per_second\": 4e11},"
                                     "\"node\": {\"crosses_nodes\": false, \"bytes_per_second\": 5e10},"
                                     "\"across\": {\"crosses_nodes\": true, \"bytes_per_second\": 2e10}}}"),
                                 &p) == EPLB_SUCCESS);
  CU_ASSERT_DOUBLE_EQUAL(p.bytes_per_second[EPLB_LINK_NODE], 5e10, 1); /* the slowest within a node */
  CU_ASSERT_DOUBLE_EQUAL(p.bytes_per_second[EPLB_LINK_NETWORK], 2e10, 1);
  CU_ASSERT_DOUBLE_EQUAL(p.bytes_per_second[EPLB_LINK_DEVICE], device, 0);
  TAP_FAILS(eplb_links_read_json(put("{\"links\": {}}"), &p), EPLB_ERR_FORMAT, "has no measured links");
  TAP_FAILS(eplb_links_read_json(put("3"), &p), EPLB_ERR_FORMAT, "expected measured links as JSON");
  TAP_FAILS(eplb_links_read_json("no such file", &p), EPLB_ERR_IO, "cannot open no such file");
}

int main(void) {
  static const tap_test_t tests[] = {{"short texts", short_texts},
                                     {"bad texts, a sentence each", bad_texts},
                                     {"files", files},
                                     {"bad files, a sentence each", bad_files},
                                     {"measured links", measured_links},
                                     {NULL, NULL}};
  folder_make();
  int status = tap_run("topology files", tests);
  folder_remove();
  return status;
}
