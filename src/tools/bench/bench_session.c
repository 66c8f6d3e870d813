/* eplb bench session: a session of many ranks, simulated on a recording, beside one with the deepseek planner. */
#include "tools/bench/bench_session.h"
#include "core/util/count.h"
#include "tools/bench/bench.h"
#include "tools/common/commands.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- printing ---- */

static double stall_of(const session_window_t *w) {
  return w->plan_seconds + w->map_seconds + w->derive_seconds;
}

static void print_window(const char *name, const char *planner, const session_window_t *w, int layers) {
  printf("%-6s %-9s %6.4f %6.4f %8.1f %8.1f %9.3f %7.3f %8.3f %9.3f %9.1f\n", name, planner, w->now, w->next,
         (double)w->moves / layers, (double)w->across / layers, w->plan_seconds * 1e3, w->map_seconds * 1e3,
         w->derive_seconds * 1e3, stall_of(w) * 1e3, (double)w->map_bytes / 1024);
}

/* Means over windows, but of times the longest. */
static session_window_t summarize(const session_run_t *run) {
  session_window_t all = {0};
  int count = run->loads->num_windows - 1;
  for (int i = 0; i < count; i++) {
    const session_window_t *w = &run->window[i];
    all.now += w->now / count;
    all.next += w->next / count;
    all.moves += w->moves;
    all.across += w->across;
    all.map_bytes += w->map_bytes;
    if (stall_of(w) > stall_of(&all)) {
      all.plan_seconds = w->plan_seconds;
      all.map_seconds = w->map_seconds;
      all.derive_seconds = w->derive_seconds;
    }
  }
  all.moves /= count;
  all.across /= count;
  all.map_bytes /= count;
  return all;
}

static void print_runs(const session_run_t *run, int num_runs) {
  const eplb_loads_t *l = run->loads;
  printf("%s, %s, %s in %s; each rank reduces %.1f KiB of counts\n", eplb_count(run->topology->num_devices, "rank"),
         eplb_count(l->num_layers, "layer"), eplb_count(l->num_experts, "expert"),
         eplb_count(eplb_topology_num_slots(run->topology), "slot"),
         (double)l->num_layers * l->num_experts * sizeof(double) / 1024);
  for (int r = 0; r < num_runs; r++)
    printf("%s: %s plan\n", eplb_plan_name("planner", (int)run[r].plan.planner),
           eplb_count(run[r].num_planning, "rank"));
  printf("\n%-6s %-9s %6s %6s %8s %8s %9s %7s %8s %9s %9s\n", "window", "planner", "now", "next", "moves", "across",
         "plan ms", "map ms", "derive", "stall ms", "map KiB");
  for (int w = 0; w < l->num_windows - 1; w++)
    for (int r = 0; r < num_runs; r++) {
      char number[16];
      snprintf(number, sizeof number, "%d", w + 1);
      print_window(number, eplb_plan_name("planner", (int)run[r].plan.planner), &run[r].window[w], l->num_layers);
    }
  for (int r = 0; r < num_runs; r++) {
    session_window_t all = summarize(&run[r]);
    print_window("all", eplb_plan_name("planner", (int)run[r].plan.planner), &all, l->num_layers);
  }
}

static void print_session_json(const session_run_t *run) {
  for (int i = 0; i < run->loads->num_windows - 1; i++) {
    const session_window_t *w = &run->window[i];
    char digest[24];
    snprintf(digest, sizeof digest, "%016" PRIx64, w->digest);
    json_t *line = json_pack("{s:s, s:i, s:i, s:i, s:s, s:f, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "planner",
                             eplb_plan_name("planner", (int)run->plan.planner), "window", i + 1, "ranks",
                             run->topology->num_devices, "ranks_that_plan", run->num_planning, "placement_digest",
                             digest, "balancedness_now", w->now, "balancedness_next", w->next, "moves",
                             (json_int_t)w->moves, "across_nodes", (json_int_t)w->across, "map_bytes",
                             (json_int_t)w->map_bytes, "moved_bytes", (json_int_t)w->moved_bytes, "seconds_plan",
                             w->plan_seconds, "seconds_map", w->map_seconds, "seconds_derive", w->derive_seconds);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text)
      puts(text);
    free(text);
    json_decref(line);
  }
}

/* ---- the command ---- */

enum { KEY_HISTORY = 256, KEY_PLAN_RANKS, KEY_JSON };

static const struct argp_option arguments[] = {
    {"history", KEY_HISTORY, "WINDOWS", 0, "number of recent windows to plan with, including the newest (16)", 0},
    {"plan-ranks", KEY_PLAN_RANKS, "RANKS", 0,
     "number of ranks that plan, each some of the layers; 1: rank 0 alone; 0: as many as save time (0)", 0},
    {"json", KEY_JSON, NULL, 0, "a line of JSON for each planner and window", 0},
    {0}};

static error_t parse_session_option(int key, char *text, struct argp_state *state) {
  session_options_t *o = state->input;
  switch (key) {
  case KEY_HISTORY:
    o->history = (int)tool_integer(state, "history", text, 1, EPLB_HISTORY_MAX);
    return 0;
  case KEY_PLAN_RANKS:
    o->plan_ranks = (int)tool_integer(state, "plan-ranks", text, 0, 1 << 20);
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->recording;
    state->child_inputs[1] = &o->planner;
    return 0;
  case ARGP_KEY_SUCCESS:
    o->planner.payback.expert_bytes = o->recording.expert_bytes;
    planner_options_finish(&o->planner, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* run[0] as asked for, run[1] with the deepseek planner where it accepts the shape. */
static eplb_status_t simulate_both(const session_options_t *o, const eplb_loads_t *loads,
                                   const eplb_topology_t *topology, session_run_t *run, int *num_runs) {
  for (int r = 0; r < 2; r++) {
    eplb_plan_options_t plan = o->planner.plan;
    if (r)
      plan.planner = EPLB_PLANNER_DEEPSEEK;
    if (r)
      planner_options_keep_used(&plan, plan.planner);
    run[r] = (session_run_t){.options = o, .loads = loads, .topology = topology};
    eplb_plan_options_init(&run[r].plan);
    eplb_status_t status = eplb_plan_resolve(&plan, topology, &run[r].plan);
    if (!status)
      status = session_simulate(&run[r]);
    if (r && (status == EPLB_ERR_SHAPE || status == EPLB_ERR_UNSUPPORTED))
      return EPLB_SUCCESS;
    if (status)
      return status;
    *num_runs = r + 1;
  }
  return EPLB_SUCCESS;
}

static eplb_status_t bench_recording(const session_options_t *o) {
  eplb_loads_t *loads = NULL;
  eplb_topology_t *topology = NULL;
  session_run_t run[2] = {{0}};
  int num_runs = 0;
  eplb_status_t status = recording_read(o->recording.loads, &loads);
  if (!status && loads->num_windows < 2)
    status =
        eplb_fail(EPLB_ERR_SHAPE, "%s has one window; expected two or more, to plan after one and score on the next",
                  o->recording.loads);
  if (!status)
    status = recording_topology(&o->recording, loads->num_experts, &topology);
  if (!status)
    status = simulate_both(o, loads, topology, run, &num_runs);
  if (!status && !o->json)
    print_runs(run, num_runs);
  for (int r = 0; r < num_runs && !status && o->json; r++)
    print_session_json(&run[r]);
  free(run[0].window);
  free(run[1].window);
  eplb_topology_destroy(&topology);
  eplb_loads_destroy(&loads);
  return status;
}

int bench_session(int argc, char **argv) {
  static const struct argp_child children[] = {{&recording_argp, 0, NULL, 0}, {&planner_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_session_option,
      "LOADS",
      "Simulate a session of one rank for each GPU on recorded LOADS: after each window the rebalance that a job would "
      "make, without weights, in one process. Beside it a session with the deepseek planner. LOADS are " RECORDING_FORMS
      "; - is standard input.\vnow, next: mean balance on the window that was counted and on the one that follows. "
      "moves: replicas that other GPUs send, per layer; across: those from other nodes. Times are of one core: plan: "
      "of "
      "the rank whose layers take longest; map: to list, take and check what changes; derive: a rank's transfers; "
      "stall: "
      "their sum, for which all ranks wait, without what messages take. map KiB: what each rank gets of the maps. The "
      "row \"all\" has means, and the times of the longest stall. Example: eplb generate --layers 58 --experts 256 | "
      "eplb bench session - --nodes 32 --gpus 256 --slots 512",
      children,
      NULL,
      NULL};
  session_options_t o = {.recording.nodes = 1, .history = EPLB_HISTORY_MAX};
  planner_options_init(&o.planner);
  tool_parse(&argp, argc, argv, &o);
  eplb_status_t status = bench_recording(&o);
  return status ? tool_report(status) : TOOL_GOOD;
}
