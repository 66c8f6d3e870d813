/* Prints the machine, each rebalance and the end of `eplb run`, as text or lines of JSON. */
#include "core/model/loads.h"
#include "core/util/count.h"
#include "tools/common/human.h"
#include "tools/run/run.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const phase_names[RUN_PHASES] = {"reduce",  "plan",   "broadcast", "derive",
                                                    "migrate", "verify", "check"};

/* One object, one line; nothing but memory can fail, and then nothing is printed. */
static void print_line(json_t *object) {
  char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
  if (text)
    puts(text);
  fflush(stdout);
  free(text);
  json_decref(object);
}

static int64_t all_bytes(const run_t *r) {
  return r->options->moving.expert_bytes * r->loads->num_layers * eplb_topology_num_slots(r->topology);
}

static const char *source(const run_t *r) {
  return r->options->job.loads ? r->options->job.loads : "synthetic (lognormal 1, see eplb generate)";
}

static const char *planner_used(const run_t *r) {
  return eplb_plan_name("planner", (int)r->plan.planner);
}

static const char *policy_used(const run_t *r) {
  return eplb_plan_name("policy", (int)r->plan.policy);
}

static void print_start_json(const run_t *r) {
  print_line(json_pack(
      "{s:s, s:i, s:i, s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:s, s:s}", "record", "start", "ranks", r->num_ranks,
      "nodes", eplb_topology_num_nodes(r->topology), "nodes_declared", r->topology_declared, "loads", source(r),
      "windows", r->loads->num_windows, "layers", r->loads->num_layers, "experts", r->loads->num_experts, "slots",
      eplb_topology_num_slots(r->topology), "groups", r->plan.num_groups, "expert_bytes",
      (json_int_t)r->options->moving.expert_bytes, "planner", planner_used(r), "policy", policy_used(r)));
}

/* A node as it was detected: its host, its ranks and what they drive. */
static void print_run_node(const run_t *r, int node) {
  const eplb_topology_t *t = r->machine->topology;
  const eplb_rank_info_t *first = &r->machine->rank[t->node_device[t->node_begin[node]]];
  int gpus = 0;
  for (int i = t->node_begin[node]; i < t->node_begin[node + 1]; i++)
    gpus += r->machine->rank[t->node_device[i]].device_rule != EPLB_DEVICE_IS_NUMA;
  int ranks = t->node_begin[node + 1] - t->node_begin[node];
  char shown[HUMAN_TEXT_MAX];
  printf("            node %d: %s, %d rank%s, ", node, human_text(first->host, shown), ranks, eplb_plural(ranks));
  if (gpus)
    printf("%s\n", human_text(first->device.name, shown));
  else
    printf("no GPU: each rank's device is its NUMA node\n");
}

static void print_machine(const run_t *r) {
  enum { SHOWN = 8 };
  int nodes = r->machine->topology->num_domains[r->machine->host_level];
  printf("machine     %d rank%s on %d node%s, as detected\n", r->num_ranks, eplb_plural(r->num_ranks), nodes,
         eplb_plural(nodes));
  for (int n = 0; n < nodes && n < SHOWN; n++)
    print_run_node(r, n);
  if (nodes > SHOWN)
    printf("            and %d more nodes: eplb topo shows them\n", nodes - SHOWN);
}

static void print_nodes_planned_for(const run_t *r) {
  int nodes = eplb_topology_num_nodes(r->topology);
  if (!r->topology_declared)
    return;
  printf("planned as  %d node%s of %s%d rank%s (declared by --nodes%s)\n", nodes, eplb_plural(nodes),
         r->num_ranks % nodes ? "up to " : "", (r->num_ranks + nodes - 1) / nodes,
         eplb_plural((r->num_ranks + nodes - 1) / nodes),
         nodes < r->options->job.nodes ? "; no more nodes than ranks" : "");
}

static void print_slots(const run_t *r) {
  char expert[HUMAN_MAX], all[HUMAN_MAX];
  int slots = eplb_topology_num_slots(r->topology);
  printf("weights     %s x %s x %s = %s, 2 tensors per expert, %s on each rank\n",
         eplb_count(r->loads->num_layers, "layer"), eplb_count(slots, "slot"),
         human_bytes(r->options->moving.expert_bytes, expert), human_bytes(all_bytes(r), all),
         eplb_count(slots / r->num_ranks, "slot"));
  if (r->options->job.slots && slots != r->options->job.slots)
    printf("            %s %s not a multiple of %s: rounded up to %d\n", eplb_count(r->options->job.slots, "slot"),
           r->options->job.slots == 1 ? "is" : "are", eplb_count(r->num_ranks, "rank"), slots);
}

/* Layers without load in the window where the fewest have none. */
static void print_idle_layers(const run_t *r) {
  int layers = r->loads->num_layers, least = layers;
  for (int w = 0; w < r->loads->num_windows; w++) {
    int idle = eplb_loads_idle_layers(layers, r->loads->num_experts, eplb_loads_window(r->loads, w));
    least = idle < least ? idle : least;
  }
  if (least == layers)
    printf("            no layer has any load: there is nothing to balance\n");
  else if (least)
    printf("            %d of %s %s no load in any window and %s left out of the balance\n", least,
           eplb_count(layers, "layer"), least == 1 ? "has" : "have", least == 1 ? "is" : "are");
}

void run_print_start(const run_t *r) {
  if (r->options->job.json) {
    print_start_json(r);
    return;
  }
  int groups = r->plan.num_groups;
  char shown[HUMAN_TEXT_MAX];
  print_machine(r);
  print_nodes_planned_for(r);
  printf("loads       %s: %s of %s x %s\n", human_text(source(r), shown), eplb_count(r->loads->num_windows, "window"),
         eplb_count(r->loads->num_layers, "layer"), eplb_count(r->loads->num_experts, "expert"));
  if (r->scale < 1 || r->scale > 1)
    printf("            not whole numbers: counted as tokens times %.3g\n", r->scale);
  print_idle_layers(r);
  print_slots(r);
  printf("planner     %s, policy %s, %d expert group%s\n", planner_used(r), policy_used(r), groups,
         eplb_plural(groups));
  if (r->options->planner.plan.policy == EPLB_POLICY_AUTO && groups > 1 && r->plan.policy == EPLB_POLICY_GLOBAL &&
      r->plan.planner == EPLB_PLANNER_AUTO)
    printf("            (auto: %s cannot be divided evenly among %s of equal size)\n", eplb_count(groups, "group"),
           eplb_count(eplb_topology_num_nodes(r->topology), "node"));
  printf("\n                balance on it   balance on next     slots             moved within   across        bytes\n"
         "round  window  before    after  before    after     moved       GPU          node    nodes      checked\n");
  fflush(stdout);
}

static json_t *pack_decision(const eplb_decision_t *d) {
  return json_pack("{s:b, s:f, s:f, s:f, s:f, s:s}", "rebalance", d->rebalance, "seconds_saved", d->saved_seconds,
                   "seconds_cost", d->cost_seconds, "balancedness_before", d->balance_before, "balancedness_after",
                   d->balance_after, "reason", d->reason);
}

/* null where no layer has any load. */
static json_t *balance(double value) {
  return isnan(value) ? json_null() : json_real(value);
}

static void print_round_json(int number, const run_round_t *d) {
  const eplb_report_t *p = &d->report;
  json_t *times = json_object();
  char digest[24];
  snprintf(digest, sizeof digest, "%016" PRIx64, d->digest);
  for (int i = 0; i < RUN_PHASES; i++)
    json_object_set_new(times, phase_names[i], json_real(d->milliseconds[i]));
  json_t *line = json_pack(
      "{s:s, s:i, s:i, s:s, s:o, s:o, s:i, s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:f, s:f, s:o, s:I, s:I, s:b, s:I, s:I}",
      "record", "round", "round", number, "window", d->window, "placement_digest", digest, "balancedness_before",
      balance(d->now_before), "balancedness_after", balance(d->now_after), "layers_without_load",
      p->layers_without_load, "planner", eplb_plan_name("planner", (int)p->planner), "slots_moved",
      (json_int_t)p->slots_changed, "bytes_within_gpu", (json_int_t)p->bytes[EPLB_LINK_DEVICE], "bytes_within_node",
      (json_int_t)p->bytes[EPLB_LINK_NODE], "bytes_across_nodes", (json_int_t)p->bytes[EPLB_LINK_NETWORK],
      "layers_changed", p->layers_committed, "commits", p->commits_done, "busiest_sender", p->busiest_sender,
      "busiest_receiver", p->busiest_receiver, "milliseconds", times, "staging_peak", (json_int_t)d->staging_peak,
      "staging_limit", (json_int_t)p->staging_limit, "checksums", p->verified, "bytes_checked", (json_int_t)d->checked,
      "bytes_wrong", (json_int_t)d->wrong);
  if (line && p->decision.reason[0])
    json_object_set_new(line, "decision", pack_decision(&p->decision));
  if (line && d->next >= 0) {
    json_object_set_new(line, "balancedness_next_before", balance(d->next_before));
    json_object_set_new(line, "balancedness_next_after", balance(d->next_after));
  }
  print_line(line);
}

static void print_pair(double before, double after) {
  if (isnan(before))
    printf("%14s", "-");
  else
    printf("%.3f -> %.3f", before, after);
}

void run_print_round(const run_t *r, int number, const run_round_t *d) {
  if (r->options->job.json) {
    print_round_json(number, d);
    return;
  }
  const int64_t *bytes = d->report.bytes;
  char gpu[HUMAN_MAX], node[HUMAN_MAX], network[HUMAN_MAX], checked[HUMAN_MAX];
  printf("%5d  %6d   ", number, d->window);
  print_pair(d->now_before, d->now_after);
  printf("   ");
  print_pair(d->next_before, d->next_after);
  printf("  %8lld %9s  %12s %9s  %s %s\n", (long long)d->report.slots_changed,
         human_bytes(bytes[EPLB_LINK_DEVICE], gpu), human_bytes(bytes[EPLB_LINK_NODE], node),
         human_bytes(bytes[EPLB_LINK_NETWORK], network), human_bytes(d->checked, checked),
         d->wrong ? "WRONG" : "right");
  if (d->report.decision.reason[0])
    printf("       %s\n", d->report.decision.reason);
  fflush(stdout);
}

static void print_times(const run_round_t *rounds, int count) {
  char peak[HUMAN_MAX], limit[HUMAN_MAX];
  printf("\nms, slowest rank\nround");
  for (int i = 0; i < RUN_PHASES; i++)
    printf(" %9s", phase_names[i]);
  printf("   staging peak of limit\n");
  for (int k = 0; k < count; k++) {
    printf("%5d", k + 1);
    for (int i = 0; i < RUN_PHASES; i++)
      printf(" %9.2f", rounds[k].milliseconds[i]);
    printf("   %12s of %s\n", human_bytes(rounds[k].staging_peak, peak),
           human_bytes((int64_t)rounds[k].report.staging_limit, limit));
  }
  printf("verify is part of migrate; in check this tool compares every byte\n");
}

static void print_end_json(const run_round_t *rounds, int count, int good) {
  int64_t moved = 0;
  for (int k = 0; k < count; k++)
    moved += rounds[k].report.slots_changed;
  print_line(json_pack("{s:s, s:b, s:i, s:I, s:I}", "record", "end", "good", good, "rounds", good ? count : count - 1,
                       "slots_moved", (json_int_t)moved, "bytes_wrong", (json_int_t)rounds[count - 1].wrong));
}

void run_print_end(const run_t *r, const run_round_t *rounds, int count, int good) {
  const run_round_t *last = &rounds[count - 1];
  char checked[HUMAN_MAX];
  if (r->options->job.json) {
    print_end_json(rounds, count, good);
    return;
  }
  print_times(rounds, good ? count : count - 1);
  human_bytes(last->checked, checked);
  if (last->wrong)
    printf("\n*** WRONG WEIGHTS: %s, the first in layer %d, slot %d, of rank %d ***\n", eplb_count(last->wrong, "byte"),
           last->wrong_layer, last->wrong_slot, last->wrong_rank);
  else if (good)
    printf("\nall %s of weights right on every rank after %s%d round%s\n", checked, count == 1 ? "" : "each of ", count,
           eplb_plural(count));
  else
    printf("\nround %d failed, but no weights were lost: all %s match the maps\n", count, checked);
  fflush(stdout);
}
