/* Prints the windows and the summary of `eplb replay`, as tables or JSON. */
#include "core/plan/planner_row.h"
#include "core/util/count.h"
#include "tools/common/human.h"
#include "tools/replay/replay.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { BAR_WIDTH = 20 };

/* The planner that plans, and that which was asked for: auto can be another one here. */
static const char *planner_of(const replay_run_t *r) {
  return eplb_plan_name("planner", (int)r->plan.planner);
}

static const char *policy_of(const replay_run_t *r) {
  return eplb_plan_name("planner", (int)r->policy);
}

static const char *split_of(const replay_run_t *r) {
  return r->with_shares ? "shares" : "equal";
}

static double per_layer(const replay_run_t *r, int64_t moves, int windows) {
  return (double)moves / r->loads->num_layers / windows;
}

/* ---- for people ---- */

static int uses_each_window(eplb_planner_t planner) {
  return !eplb_planner_uses(planner, EPLB_USES_FORECAST);
}

/* The first run of a planner that uses each window, or that does not, from run `i` on; num_runs if there is none. */
static int next_of_kind(const replay_run_t *run, int num_runs, int each_window, int i) {
  while (i < num_runs && uses_each_window(run[i].plan.planner) != each_window)
    i++;
  return i;
}

/* "history and chain plan for WHAT", behind `before`; nothing if no planner is of this kind. Returns what goes
 * before the next kind. */
static const char *print_kind(const replay_run_t *run, int num_runs, int each_window, const char *what,
                              const char *before) {
  int i = next_of_kind(run, num_runs, each_window, 0), count = 0;
  if (i == num_runs)
    return before;
  for (int next; i < num_runs; i = next, count++) {
    next = next_of_kind(run, num_runs, each_window, i + 1);
    printf("%s%s", count == 0 ? before : next < num_runs ? ", " : " and ", policy_of(&run[i]));
  }
  printf(" plan%s for %s", count == 1 ? "s" : "", what);
  return "; ";
}

static void print_planning(const replay_run_t *run, int num_runs) {
  static const char *const forecast[] = {"the last of them", "their mean", "their smoothed mean"};
  const replay_options_t *o = run->options;
  printf("planned   %s", o->from_scratch ? "from scratch in each window" : "from the current placement");
  if (o->planner.plan.max_moves < INT32_MAX)
    printf(", at most %s in each layer and window", eplb_count(o->planner.plan.max_moves, "move"));
  for (int i = 0; i < num_runs && !o->from_scratch; i++)
    if (run[i].plan.planner == EPLB_PLANNER_DEEPSEEK)
      printf("; deepseek from scratch");
  for (int i = 0; i < num_runs; i++)
    if (run[i].policy != run[i].plan.planner)
      printf("; %s is %s here", policy_of(&run[i]), planner_of(&run[i]));
  const char *between = print_kind(run, num_runs, 1, "all of these windows", "\n          ");
  print_kind(run, num_runs, 0, forecast[o->planner.plan.forecast], between);
  printf("\n");
}

static void print_idle_layer_count(const replay_run_t *r) {
  int idle = replay_summary(r).idle_layers, layers = r->loads->num_layers;
  if (idle == layers)
    printf("          no layer has any load: there is nothing to score\n");
  else if (idle)
    printf("          %d of %s %s no load in any window and %s left out of the balance\n", idle,
           eplb_count(layers, "layer"), idle == 1 ? "has" : "have", idle == 1 ? "is" : "are");
}

static void print_replay_inputs(const replay_run_t *r, int num_runs) {
  const eplb_topology_t *t = r->topology;
  const replay_options_t *o = r->options;
  int nodes = eplb_topology_num_nodes(t), slots = eplb_topology_num_slots(t), last = r->loads->num_windows - 1;
  char shown[HUMAN_TEXT_MAX];
  printf("loads     %s: %s of %s x %s\n", human_text(o->recording.loads, shown), eplb_count(last + 1, "window"),
         eplb_count(r->loads->num_layers, "layer"), eplb_count(r->loads->num_experts, "expert"));
  printf("GPUs      %d on %d node%s, %s: %.1f %% redundant experts\n", t->num_devices, nodes, eplb_plural(nodes),
         eplb_count(slots, "slot"), 100.0 * (slots - r->loads->num_experts) / r->loads->num_experts);
  if (replay_first(o, r->loads) == last)
    printf("scored    on window %d, with a plan from at most %s before it", last, eplb_count(o->history, "window"));
  else
    printf("scored    on windows %d to %d, each with a plan from at most %s before it", replay_first(o, r->loads), last,
           eplb_count(o->history, "window"));
  if (o->batch_tokens > 0)
    printf("; batches of %d", o->batch_tokens);
  printf("\n");
  print_planning(r, num_runs);
  print_idle_layer_count(r);
}

/* "-" where no layer has any load. */
static void print_balance_column(int width, double balance) {
  if (isnan(balance))
    printf("%*s", width, "-");
  else
    printf("%*.3f", width, balance);
}

static void print_windows(const replay_run_t *run, int num_runs) {
  printf("\nbalance (mean / busiest GPU) of each window\nwindow ");
  for (int i = 0; i < num_runs; i++)
    printf(" %10s", policy_of(&run[i]));
  printf("\n");
  for (int w = replay_first(run->options, run->loads); w < run->loads->num_windows; w++) {
    printf("%6d ", w);
    for (int i = 0; i < num_runs; i++)
      print_balance_column(11, run[i].step[w].mean);
    printf("\n");
  }
}

static void print_summary(const replay_run_t *run, int num_runs) {
  int windows = run->loads->num_windows - replay_first(run->options, run->loads);
  printf("\n                    balance on the next window                 moves/layer and window  planning\n"
         "policy     split     mean    p10  worst layer  0                 1     all   across    ms/window\n");
  for (int i = 0; i < num_runs; i++) {
    replay_step_t s = replay_summary(&run[i]);
    int filled = isnan(s.mean) ? 0 : (int)(s.mean * BAR_WIDTH + .5);
    printf("%-10s %-6s", policy_of(&run[i]), split_of(&run[i]));
    print_balance_column(8, s.mean);
    print_balance_column(7, s.p10);
    print_balance_column(7, s.worst);
    printf(" %5d  %.*s%.*s %7.1f  %7.1f   %11.1f\n", run->loads->layer_id[s.worst_layer], filled,
           "####################", BAR_WIDTH - filled, "....................", per_layer(run, s.moves, windows),
           per_layer(run, s.across, windows), s.milliseconds);
  }
}

void replay_print(const replay_run_t *run, int num_runs) {
  char text[HUMAN_MAX];
  print_replay_inputs(run, num_runs);
  print_windows(run, num_runs);
  print_summary(run, num_runs);
  for (int i = 0; i < num_runs && run->options->recording.expert_bytes > 0; i++)
    printf("%s%s moved %s of weights", i == 0 ? "\n" : "; ", policy_of(&run[i]),
           human_bytes((int64_t)((double)replay_summary(&run[i]).moves * run->options->recording.expert_bytes), text));
  if (run->options->recording.expert_bytes > 0)
    printf("\n");
}

/* ---- for programs ---- */

/* null where no layer has any load. */
static void print_json_balance(const char *name, double balance) {
  if (isnan(balance))
    printf("\"balancedness_next_%s\":null,", name);
  else
    printf("\"balancedness_next_%s\":%.6f,", name, balance);
}

static void print_json_step(const replay_run_t *r, const replay_step_t *s) {
  printf("\"shares\":%s,\"from_scratch\":%s,\"layers_without_load\":%d,", r->with_shares ? "true" : "false",
         r->options->from_scratch || r->plan.planner == EPLB_PLANNER_DEEPSEEK ? "true" : "false", s->idle_layers);
  print_json_balance("mean", s->mean);
  print_json_balance("p10", s->p10);
  print_json_balance("worst", s->worst);
  printf("\"worst_layer\":%d,\"moves\":%lld,\"moves_inter_node\":%lld,\"bytes\":%.0f,\"planning_ms\":%.3f",
         r->loads->layer_id[s->worst_layer], (long long)s->moves, (long long)s->across,
         (double)s->moves * r->options->recording.expert_bytes, s->milliseconds);
}

void replay_print_json(const replay_run_t *run, int num_runs) {
  int first = replay_first(run->options, run->loads), windows = run->loads->num_windows - first;
  for (int i = 0; i < num_runs; i++)
    for (int w = first; w < run->loads->num_windows; w++) {
      printf("{\"record_type\":\"eplb_replay_window\",\"version\":1,\"policy\":\"%s\",\"window\":%d,",
             planner_of(&run[i]), w);
      printf("\"placement_digest\":\"%016" PRIx64 "\",", run[i].step[w].digest);
      print_json_step(&run[i], &run[i].step[w]);
      printf("}\n");
    }
  for (int i = 0; i < num_runs; i++) {
    replay_step_t s = replay_summary(&run[i]);
    printf(
        "{\"record_type\":\"eplb_replay_summary\",\"version\":1,\"policy\":\"%s\",\"first_window\":%d,\"windows\":%d,"
        "\"layers\":%d,\"gpus\":%d,\"slots\":%d,",
        planner_of(&run[i]), first, windows, run->loads->num_layers, run->topology->num_devices,
        eplb_topology_num_slots(run->topology));
    print_json_step(&run[i], &s);
    printf(",\"moves_per_layer_and_window\":%.3f}\n", per_layer(run, s.moves, windows));
  }
}
