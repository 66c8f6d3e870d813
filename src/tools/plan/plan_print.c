/* Prints the result of `eplb plan`: inputs, balance before and after, moves, hot experts. */
#include "core/model/placement.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "tools/common/human.h"
#include "tools/plan/plan.h"
#include <math.h>
#include <stdio.h>

enum { BAR_WIDTH = 40, MAX_BARS = 64, HOT_EXPERTS = 8 };

/* Of those with load, of which there is one. */
static int worst_layer(const plan_score_t *score, int num_layers) {
  int worst = 0;
  for (int l = 1; l < num_layers; l++)
    if (isnan(score->layer[worst]) || score->layer[l] < score->layer[worst])
      worst = l;
  return worst;
}

/* The windows that were planned for, and the layers without load. */
static void print_loads(const plan_result_t *r) {
  int layers = r->loads->num_layers, last = r->loads->num_windows - 1, window = r->options->window;
  char shown[HUMAN_TEXT_MAX];
  printf("loads     %s: %s x %s, ", human_text(r->options->recording.loads, shown), eplb_count(layers, "layer"),
         eplb_count(r->loads->num_experts, "expert"));
  if (plan_uses_each_window(r))
    printf("planned for the last %d of %s, scored on each\n", last < EPLB_HISTORY_MAX ? last + 1 : EPLB_HISTORY_MAX,
           eplb_count(last + 1, "window"));
  else if (window == PLAN_WINDOW_ALL)
    printf("planned for the sum of %s, scored on each\n", eplb_count(last + 1, "window"));
  else if (window == PLAN_WINDOW_SUM && last > 0)
    printf("the sum of %s\n", eplb_count(last + 1, "window"));
  else
    printf("window %d of 0-%d\n", window < 0 ? last : window, last);
  if (r->idle_layers == layers)
    printf("          no layer has any load: there is nothing to balance\n");
  else if (r->idle_layers)
    printf("          %d of %s %s no load and %s left out of the balance\n", r->idle_layers,
           eplb_count(layers, "layer"), r->idle_layers == 1 ? "has" : "have", r->idle_layers == 1 ? "is" : "are");
}

static void print_plan_inputs(const plan_result_t *r) {
  const eplb_topology_t *t = r->topology;
  const eplb_plan_options_t *o = &r->plan;
  int nodes = eplb_topology_num_nodes(t), slots = eplb_topology_num_slots(t);
  print_loads(r);
  printf("GPUs      %d on %d node%s (declared), %s", t->num_devices, nodes, eplb_plural(nodes),
         eplb_count(slots, "slot"));
  if (slots % t->num_devices == 0)
    printf(", %d each", slots / t->num_devices);
  printf(": %.1f %% redundant experts\n", 100.0 * (slots - r->loads->num_experts) / r->loads->num_experts);
  printf("planner   %s, policy %s, %d expert group%s; took %.2f ms\n", eplb_plan_name("planner", (int)o->planner),
         eplb_plan_name("policy", (int)o->policy), o->num_groups, eplb_plural(o->num_groups), r->milliseconds);
  if (o->policy == EPLB_POLICY_GLOBAL && r->options->planner.plan.policy == EPLB_POLICY_AUTO && o->num_groups > 1 &&
      nodes > 1)
    printf("          the groups are not kept on nodes: %d cannot be dealt evenly to %d nodes of equal size\n",
           o->num_groups, nodes);
}

static void print_score(const plan_result_t *r, const char *what, const plan_score_t *score) {
  int worst = worst_layer(score, r->loads->num_layers);
  printf("  %-22s %.3f   %.3f (layer %d)\n", what, score->mean, score->layer[worst], r->loads->layer_id[worst]);
}

/* The time of a layer is that of its busiest GPU, so all layers take the sum of 1 / balance. Prints how much of it
 * planning saves. */
static void print_gain(const plan_result_t *r) {
  double before = 0, after = 0;
  for (int l = 0; l < r->loads->num_layers; l++) {
    before += isnan(r->was.layer[l]) ? 0 : 1 / r->was.layer[l];
    after += isnan(r->planned.layer[l]) ? 0 : 1 / r->planned.layer[l];
  }
  if (before > after)
    printf("  Estimated expert time: -%.1f %% (time proportional to tokens, layers weighted equally)\n",
           100 * (1 - after / before));
}

static void print_change(const plan_result_t *r) {
  const int64_t *t = r->change.transfers;
  const eplb_payback_t *p = &r->options->planner.payback;
  int64_t moved = t[EPLB_LINK_DEVICE] + t[EPLB_LINK_NODE] + t[EPLB_LINK_NETWORK];
  char bytes[HUMAN_MAX];
  printf("\nmoves         %lld of %s change: %lld within a GPU, %lld within a node, %lld across\n", (long long)moved,
         eplb_count((int64_t)r->placement->num_slots * r->placement->num_layers, "slot"),
         (long long)t[EPLB_LINK_DEVICE], (long long)t[EPLB_LINK_NODE], (long long)t[EPLB_LINK_NETWORK]);
  if (moved > 0 && p->expert_bytes > 0)
    printf("              %s of weights\n", human_bytes((int64_t)(p->expert_bytes * (double)moved), bytes));
  if (moved > 0 && r->options->planner.plan.payback)
    printf("              moving takes about %.3g ms and saves about %.3g ms of expert time in %g window%s\n",
           r->change.cost * 1e3, r->change.gain * 1e3, p->horizon, p->horizon > 1 ? "s" : "");
}

static void print_routing(const plan_result_t *r) {
  if (r->options->planner.plan.num_groups == 1 || eplb_topology_num_nodes(r->topology) == 1)
    return;
  printf("\nrouting       a token visits %.3f nodes besides its own (before: %.3f); %.1f %% of the load is not on its "
         "group's node\n",
         r->remote, r->remote_was, 100 * r->off_home);
}

static void print_bars(const plan_result_t *r, int layer, double *device) {
  const eplb_topology_t *t = r->topology;
  double mean = 0, largest = 0;
  eplb_device_loads(t, r->placement, layer, r->load + (size_t)layer * (size_t)r->loads->num_experts, device);
  for (int d = 0; d < t->num_devices; d++) {
    mean += device[d] / t->num_devices;
    largest = fmax(largest, device[d]);
  }
  if (!(mean > 0))
    return;
  printf("\nlayer %d, the least balanced: load of each GPU relative to the mean\n", r->loads->layer_id[layer]);
  for (int d = 0; d < t->num_devices && d < MAX_BARS; d++)
    printf("  node %-3d GPU %-4d %-*.*s %5.1f %%\n", eplb_topology_node(t, d), d, BAR_WIDTH,
           (int)lround(device[d] / largest * BAR_WIDTH), "########################################",
           100 * device[d] / mean);
  if (t->num_devices > MAX_BARS)
    printf("  and %d more GPUs\n", t->num_devices - MAX_BARS);
}

static void print_hot_experts(const plan_result_t *r, int layer) {
  int experts = r->loads->num_experts, shown = experts < HOT_EXPERTS ? experts : HOT_EXPERTS, hot[HOT_EXPERTS];
  const double *load = r->load + (size_t)layer * (size_t)experts;
  double total = 0;
  for (int e = 0; e < experts; e++)
    total += load[e];
  if (!(total > 0))
    return;
  for (int k = 0; k < shown; k++) {
    hot[k] = -1;
    for (int e = 0; e < experts; e++) {
      int taken = 0;
      for (int i = 0; i < k; i++)
        taken |= hot[i] == e;
      if (!taken && (hot[k] < 0 || load[e] > load[hot[k]]))
        hot[k] = e;
    }
  }
  printf("\nits busiest experts\n  expert    load  replicas\n");
  for (int k = 0; k < shown && load[hot[k]] > 0; k++)
    printf("  %6d %5.1f %%  %8d\n", hot[k], 100 * load[hot[k]] / total,
           r->placement->logical_replica_count[layer * experts + hot[k]]);
}

/* As a word of a command line for a shell: in quotes where it needs them. */
static void print_word(const char *option, const char *text) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-+,:=@%";
  char shown[HUMAN_TEXT_MAX];
  int is_plain = text[strspn(text, plain)] == 0;
  printf("%s%s", option, is_plain ? text : "'");
  for (const char *c = is_plain ? "" : human_text(text, shown); *c; c++)
    if (*c == '\'')
      printf("'\\''");
    else
      putchar(*c);
  printf("%s", is_plain ? "" : "'");
}

/* This balance is of the loads planned for; replay scores on loads that the planner did not have. */
static void print_caveat(const plan_result_t *r) {
  const recording_options_t *o = &r->options->recording;
  print_word("  These are the loads planned for. For the balance on the next window: eplb replay ", o->loads);
  if (o->topology)
    print_word(" --topology ", o->topology);
  if (o->node_level)
    print_word(" --node-level ", o->node_level);
  if (o->nodes > 1)
    printf(" --nodes %d", o->nodes);
  if (o->gpus)
    printf(" --gpus %d", o->gpus);
  if (o->slots)
    printf(" --slots %d", o->slots);
  if (r->plan.num_groups > 1)
    printf(" --num-groups %d", r->plan.num_groups);
  printf("%s\n", r->loads->num_windows < 2 ? ", with a file of two windows or more" : "");
}

static void print_plan_balance(const plan_result_t *r) {
  printf("\nbalance (mean / busiest GPU)  mean   worst layer\n");
  print_score(r, r->options->current ? "the current placement" : "experts in order", &r->was);
  print_score(r, "this plan", &r->planned);
  print_score(r, "upper bound", &r->bound);
  print_caveat(r);
  print_gain(r);
}

eplb_status_t plan_print(const plan_result_t *r) {
  int any_load = r->idle_layers < r->loads->num_layers, layer = worst_layer(&r->planned, r->loads->num_layers);
  double *device = EPLB_NEW(double, r->topology->num_devices);
  char shown[HUMAN_TEXT_MAX];
  if (!device)
    return EPLB_ERR_MEMORY;
  print_plan_inputs(r);
  if (any_load)
    print_plan_balance(r);
  if (r->options->current)
    print_change(r);
  if (any_load) {
    print_routing(r);
    print_bars(r, layer, device);
    print_hot_experts(r, layer);
  }
  if (r->options->output)
    printf("\nwritten to %s\n", human_text(r->options->output, shown));
  else
    printf("\n-o FILE writes the placement\n");
  free(device);
  return EPLB_SUCCESS;
}
