#include "core/model/placement.h"
#include "shapes.h"
#include "tap.h"
#include <eplb/transfer.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NODES = 16, MAX_DEVICES = 64, LAYERS = 20 };

/* What devices send to other devices, and nodes to other nodes. */
typedef struct sent {
  int device[MAX_DEVICES], node[MAX_NODES];
  int received[MAX_DEVICES];
  int deepest; /* stage */
} sent_t;

static void count_sent(const eplb_topology_t *t, const eplb_transfers_t *list, sent_t *sent) {
  for (int64_t i = 0; i < list->count; i++) {
    const eplb_transfer_t *x = &list->transfer[i];
    sent->deepest = x->stage > sent->deepest ? x->stage : sent->deepest;
    sent->device[x->from_device] += x->link != EPLB_LINK_DEVICE;
    sent->received[x->to_device] += x->link != EPLB_LINK_DEVICE;
    sent->node[eplb_topology_node(t, x->from_device)] += x->link == EPLB_LINK_NETWORK;
  }
}

static int spread(const int *value, int count) {
  int low = value[0], high = value[0];
  for (int i = 1; i < count; i++) {
    low = value[i] < low ? value[i] : low;
    high = value[i] > high ? value[i] : high;
  }
  return high - low;
}

static double max_over_mean(const int *value, int count) {
  double sum = 0, high = 0;
  for (int i = 0; i < count; i++) {
    sum += value[i];
    high = value[i] > high ? value[i] : high;
  }
  return high * count / sum;
}

/* One slot on each device, given the node and the expert of each before and after; two experts; in one layer. */
static void derive_small(int devices, const int *node, const int32_t *before, const int32_t *after, int repeats,
                         sent_t *sent) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL, *q = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  int slots[MAX_DEVICES];
  for (int d = 0; d < devices; d++)
    slots[d] = 1;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                                            .num_devices = devices,
                                                                            .num_levels = 1,
                                                                            .level_name = (const char *[]){"node"},
                                                                            .domain = node,
                                                                            .slots = slots,
                                                                            .declared = 1},
                                             &t),
                        EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, 2, devices, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create(1, 2, devices, &q), EPLB_SUCCESS);
  memcpy(p->physical_to_logical, before, (size_t)devices * sizeof *before);
  memcpy(q->physical_to_logical, after, (size_t)devices * sizeof *after);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_index(q), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 2, &deriver), EPLB_SUCCESS);
  memset(sent, 0, sizeof *sent);
  for (int i = 0; i < repeats; i++) {
    CU_ASSERT_EQUAL_FATAL(eplb_derive_layer(deriver, eplb_placement_row(p, 0), eplb_placement_row(q, 0), 0, 7, &list),
                          EPLB_SUCCESS);
    count_sent(t, &list, sent);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&q);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

/* Expert 0 on every device of one node; some of its other devices want it. */
static void check_within_node(rng_t *rng) {
  int holders = rng_between(rng, 1, 8), wanting = rng_between(rng, 1, 20), node[MAX_DEVICES] = {0};
  int32_t before[MAX_DEVICES] = {0}, after[MAX_DEVICES] = {0};
  sent_t sent;
  for (int d = 0; d <= wanting; d++)
    before[holders + d] = 1;
  after[holders + wanting] = 1;
  derive_small(holders + wanting + 1, node, before, after, rng_between(rng, 1, 3), &sent);
  CU_ASSERT(spread(sent.device, holders) <= 1);
  CU_ASSERT_EQUAL(sent.device[holders + wanting], 0);
}

static void holders_in_a_node_send_equally_often(void) {
  shapes_try(500, 1, check_within_node);
}

/* Expert 0 on one device of a node of 63, the others of which want it: those that have it pass it on. */
static void a_single_holder_is_relieved(void) {
  int node[MAX_DEVICES] = {0};
  int32_t before[MAX_DEVICES] = {0}, after[MAX_DEVICES] = {0};
  sent_t sent;
  for (int d = 1; d < MAX_DEVICES; d++)
    before[d] = 1;
  after[MAX_DEVICES - 1] = 1; /* somebody must keep expert 1 */
  derive_small(MAX_DEVICES, node, before, after, 1, &sent);
  int busiest = 0;
  for (int d = 0; d < MAX_DEVICES; d++) {
    busiest = sent.device[d] > busiest ? sent.device[d] : busiest;
    CU_ASSERT_EQUAL(sent.received[d], d > 0 && d < MAX_DEVICES - 1);
  }
  printf("# 62 copies: the busiest sends %d; the last is of stage %d\n", busiest, sent.deepest);
  CU_ASSERT(busiest <= 5);
  CU_ASSERT_EQUAL(sent.deepest, 2);
}

/* Expert 0 on every device of some unequal nodes; single devices elsewhere want it. */
static void check_across_nodes(rng_t *rng) {
  int nodes = rng_between(rng, 1, 4), wanting = rng_between(rng, 1, 11), devices = 0, first[MAX_NODES + 1];
  int node[MAX_DEVICES];
  int32_t before[MAX_DEVICES] = {0}, after[MAX_DEVICES] = {0};
  sent_t sent;
  for (int n = 0; n < nodes; n++) {
    first[n] = devices;
    for (int end = devices + rng_between(rng, 1, 4); devices < end; devices++)
      node[devices] = n;
  }
  first[nodes] = devices;
  for (int d = 0; d <= wanting; d++, devices++) {
    node[devices] = nodes + d;
    before[devices] = 1;
    after[devices] = d == wanting; /* the last keeps expert 1 */
  }
  derive_small(devices, node, before, after, rng_between(rng, 1, 5), &sent);
  CU_ASSERT(spread(sent.node, nodes) <= 1);
  for (int n = 0; n < nodes; n++)
    CU_ASSERT(spread(sent.device + first[n], first[n + 1] - first[n]) <= 1);
}

static void holding_nodes_send_equally_often(void) {
  shapes_try(500, 2, check_across_nodes);
}

/* Devices 0 and 1 share a node. Layer 0: only device 0 can send, 10 units. Layers 1 to 9: both can, 1 unit each. */
static void what_was_sent_counts_by_its_weight(void) {
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL, *q = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 1, &t), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(10, 2, 4, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(10, 2, 4, &q), EPLB_SUCCESS);
  for (int i = 0; i < 40; i++) {
    p->physical_to_logical[i] = i % 4 >= 2;               /* 0 0 1 1 */
    q->physical_to_logical[i] = i % 4 == 1 || i % 4 == 3; /* 0 1 0 1: device 2 gets expert 0 */
  }
  p->physical_to_logical[1] = q->physical_to_logical[1] = 1; /* layer 0: 0 1 1 1 */
  CU_ASSERT(eplb_placement_index(p) == EPLB_SUCCESS && eplb_placement_index(q) == EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 2, &deriver), EPLB_SUCCESS);
  for (int l = 0; l < 10; l++) {
    CU_ASSERT_EQUAL_FATAL(
        eplb_derive_layer(deriver, eplb_placement_row(p, l), eplb_placement_row(q, l), l, l ? 1 : 10, &list),
        EPLB_SUCCESS);
    for (int64_t i = 0; i < list.count; i++)
      if (list.transfer[i].expert == 0)
        CU_ASSERT_EQUAL(list.transfer[i].from_device, l ? 1 : 0);
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&q);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

/* How many devices could have sent it: those of its node that hold the expert, or if it crosses, of all. */
static int possible_senders(const eplb_topology_t *t, const eplb_placement_t *before, const eplb_transfer_t *x) {
  const int32_t *row = before->physical_to_logical + x->layer * before->num_slots;
  int count = 0;
  for (int d = 0; d < t->num_devices; d++) {
    int holds = 0;
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      holds |= row[s] == x->expert;
    count += holds && (x->link == EPLB_LINK_NETWORK || eplb_topology_node(t, d) == eplb_topology_node(t, x->to_device));
  }
  return count;
}

/* 256 experts in 576 slots on 64 devices in 8 nodes, 20 layers, from a fixed seed. In *forced, the most that any device
 * must send because nobody else has it. */
static void derive_large(rng_t *rng, int percent, sent_t *sent, int *forced) {
  eplb_topology_t *t = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  int alone[MAX_DEVICES] = {0};
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(8, 64, 9, &t), EPLB_SUCCESS);
  eplb_placement_t *before = random_placement(rng, LAYERS, 256, 576, 0);
  eplb_placement_t *after =
      percent < 100 ? random_successor(rng, before, percent) : random_placement(rng, LAYERS, 256, 576, 0);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 256, &deriver), EPLB_SUCCESS);
  memset(sent, 0, sizeof *sent);
  for (int l = 0; l < LAYERS; l++) {
    CU_ASSERT_EQUAL_FATAL(
        eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 1, &list),
        EPLB_SUCCESS);
    count_sent(t, &list, sent);
    for (const eplb_transfer_t *x = list.transfer; x < list.transfer + list.count; x++)
      alone[x->from_device] += x->link != EPLB_LINK_DEVICE && !x->stage && possible_senders(t, before, x) == 1;
  }
  *forced = 0;
  for (int d = 0; d < 64; d++)
    *forced = alone[d] > *forced ? alone[d] : *forced;
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

/* A device that alone holds many experts must send them; beyond that, the more there is to send the evener it gets. */
static void the_busiest_sender_is_near_the_mean(void) {
  static const struct {
    int percent;
    double limit;
  } change[] = {{5, 1.6}, {20, 1.2}, {50, 1.2}, {100, 1.2}};
  for (int i = 0; i < 4; i++) {
    rng_t rng = {(uint64_t)i};
    sent_t sent;
    int forced, busiest = 0, total = 0;
    derive_large(&rng, change[i].percent, &sent, &forced);
    for (int d = 0; d < 64; d++) {
      busiest = sent.device[d] > busiest ? sent.device[d] : busiest;
      total += sent.device[d];
    }
    double mean = total / 64., least = mean > forced ? mean : forced, nodes = max_over_mean(sent.node, 8);
    printf("# %d %% of the slots change: busiest device sends %d (mean %.1f, forced %d), receives %.2f of the mean; "
           "busiest node sends %.3f\n",
           change[i].percent, busiest, mean, forced, max_over_mean(sent.received, 64), nodes);
    CU_ASSERT(busiest <= change[i].limit * least);
    CU_ASSERT(nodes <= 1.1);
  }
}

/* 4 racks of 4 nodes of 4 devices of 9 slots, all of which change, in layers of several weights: what leaves each rack
 * and each node is even, too. */
static void racks_and_nodes_send_evenly(void) {
  int domain[2 * MAX_DEVICES], slots[MAX_DEVICES], rack[4] = {0}, node[16] = {0}, device[MAX_DEVICES] = {0};
  rng_t rng = {1};
  eplb_topology_t *t = NULL;
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  for (int d = 0; d < MAX_DEVICES; d++) {
    domain[d] = d % 4;
    domain[MAX_DEVICES + d] = d % 16;
    slots[d] = 9;
  }
  CU_ASSERT_EQUAL_FATAL(
      eplb_topology_create(&(const eplb_topology_parts_t){.size = sizeof(eplb_topology_parts_t),
                                                          .num_devices = MAX_DEVICES,
                                                          .num_levels = 2,
                                                          .level_name = (const char *[]){"rack", "node"},
                                                          .node_level = 1,
                                                          .domain = domain,
                                                          .slots = slots,
                                                          .declared = 1},
                           &t),
      EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, 256, &deriver), EPLB_SUCCESS);
  eplb_placement_t *before = random_placement(&rng, LAYERS, 256, 9 * MAX_DEVICES, 0);
  eplb_placement_t *after = random_placement(&rng, LAYERS, 256, 9 * MAX_DEVICES, 0);
  for (int l = 0; l < LAYERS; l++) {
    int weight = 1 + l % 3;
    CU_ASSERT_EQUAL_FATAL(
        eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, weight, &list),
        EPLB_SUCCESS);
    for (int64_t i = 0; i < list.count; i++) {
      const eplb_transfer_t *x = &list.transfer[i];
      rack[x->from_device % 4] += x->level < 0 ? weight : 0;
      node[x->from_device % 16] += x->level < 1 ? weight : 0;
      device[x->from_device] += x->level < 2 ? weight : 0;
    }
  }
  printf("# busiest rack sends %.3f of the mean, busiest node %.3f, busiest device %.3f\n", max_over_mean(rack, 4),
         max_over_mean(node, 16), max_over_mean(device, MAX_DEVICES));
  CU_ASSERT(max_over_mean(rack, 4) <= 1.02);
  CU_ASSERT(max_over_mean(node, 16) <= 1.05);
  CU_ASSERT(max_over_mean(device, MAX_DEVICES) <= 1.15);
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  eplb_placement_destroy(&after);
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {{"holders in a node send equally often", holders_in_a_node_send_equally_often},
                                     {"holding nodes send equally often", holding_nodes_send_equally_often},
                                     {"a single holder is relieved", a_single_holder_is_relieved},
                                     {"what was sent counts by its weight", what_was_sent_counts_by_its_weight},
                                     {"the busiest sender is near the mean", the_busiest_sender_is_near_the_mean},
                                     {"racks and nodes send evenly", racks_and_nodes_send_evenly},
                                     {NULL, NULL}};
  return tap_run("suppliers", tests);
}
