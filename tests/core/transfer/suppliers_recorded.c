/* The balance of senders on loads of a real model. */
#include "core/model/placement.h"
#include "plan_window.h"
#include "tap.h"
#include <eplb/formats.h>
#include <eplb/transfer.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 4, DEVICES = 32, SLOTS_EACH = 9 };

/* What one rebalance, all layers of it, has each device and node send and receive. */
typedef struct traffic {
  int64_t sent[DEVICES], received[DEVICES], out[NODES], in[NODES];
  int64_t across, least_across;
} traffic_t;

static double max_over_mean(const int64_t *value, int count) {
  double sum = 0, high = 0;
  for (int i = 0; i < count; i++) {
    sum += (double)value[i];
    high = (double)value[i] > high ? (double)value[i] : high;
  }
  return high * count / sum;
}

static void add_up(const eplb_topology_t *t, const eplb_transfers_t *list, traffic_t *traffic) {
  for (const eplb_transfer_t *x = list->transfer; x < list->transfer + list->count; x++) {
    if (x->link == EPLB_LINK_DEVICE)
      continue;
    traffic->sent[x->from_device]++;
    traffic->received[x->to_device]++;
    if (x->link != EPLB_LINK_NETWORK)
      continue;
    traffic->across++;
    traffic->out[eplb_topology_node(t, x->from_device)]++;
    traffic->in[eplb_topology_node(t, x->to_device)]++;
  }
}

/* One copy of each expert into each node that is to have it and has it not. */
static int64_t least_across(const eplb_topology_t *t, const eplb_placement_t *before, const eplb_placement_t *after,
                            int layer) {
  static char held[2][NODES][4096];
  int64_t least = 0;
  memset(held, 0, sizeof held);
  for (int i = 0; i < 2; i++)
    for (int s = 0; s < before->num_slots; s++) {
      int expert = (i ? after : before)->physical_to_logical[layer * before->num_slots + s];
      if (expert != EPLB_EMPTY)
        held[i][eplb_topology_node(t, eplb_topology_device_of_slot(t, s))][expert] = 1;
    }
  for (int n = 0; n < NODES; n++)
    for (int e = 0; e < before->num_experts; e++)
      least += held[1][n][e] && !held[0][n][e];
  return least;
}

static void check_rebalance(const eplb_topology_t *t, const eplb_placement_t *before, const eplb_placement_t *after,
                            int window) {
  eplb_deriver_t *deriver = NULL;
  eplb_transfers_t list = {0};
  traffic_t traffic = {.across = 0};
  CU_ASSERT_EQUAL_FATAL(eplb_deriver_create(t, before->num_experts, &deriver), EPLB_SUCCESS);
  for (int l = 0; l < before->num_layers; l++) {
    CU_ASSERT_EQUAL_FATAL(
        eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 1, &list),
        EPLB_SUCCESS);
    add_up(t, &list, &traffic);
    traffic.least_across += least_across(t, before, after, l);
  }
  double sent = max_over_mean(traffic.sent, DEVICES), received = max_over_mean(traffic.received, DEVICES);
  double out = max_over_mean(traffic.out, NODES), in = max_over_mean(traffic.in, NODES);
  printf(
      "# into window %d: %lld experts across nodes; busiest of the mean: device sends %.3f, receives %.3f; node sends "
      "%.3f, receives %.3f\n",
      window, (long long)traffic.across, sent, received, out, in);
  CU_ASSERT(traffic.across > 0);
  CU_ASSERT_EQUAL(traffic.across, traffic.least_across);
  CU_ASSERT(sent <= 1.05);
  CU_ASSERT(out <= 1.05);
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
}

static void senders_of_a_real_rebalance_are_even(void) {
  char path[1024];
  eplb_loads_t *loads = NULL;
  eplb_topology_t *t = NULL;
  eplb_placement_t *before = NULL, *after = NULL;
  eplb_plan_options_t options;
  snprintf(path, sizeof path, "%s/loads/deepseek_v3_sglang_prefill.csv", tap_shared());
  CU_ASSERT_EQUAL_FATAL(eplb_loads_read(path, &loads), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(NODES, DEVICES, SLOTS_EACH, &t), EPLB_SUCCESS);
  CU_ASSERT_FATAL(loads->num_experts <= 4096 && loads->num_windows > 1);
  eplb_plan_options_init(&options);
  options.planner = EPLB_PLANNER_DEEPSEEK;
  options.policy = EPLB_POLICY_GLOBAL;
  for (int w = 0; w < loads->num_windows; w++) {
    CU_ASSERT_EQUAL_FATAL(
        plan_window(&options, t,
                    eplb_windows_single(loads->num_layers, loads->num_experts, eplb_loads_window(loads, w)), NULL,
                    &after),
        EPLB_SUCCESS);
    if (before)
      check_rebalance(t, before, after, w);
    eplb_placement_destroy(&before);
    before = after;
  }
  eplb_placement_destroy(&before);
  eplb_topology_destroy(&t);
  eplb_loads_destroy(&loads);
}

int main(void) {
  static const tap_test_t tests[] = {{"senders of a real rebalance are even", senders_of_a_real_rebalance_are_even},
                                     {NULL, NULL}};
  return tap_shared() ? tap_run("suppliers, recorded", tests) : tap_skip_all("no recorded loads in ../shared");
}
