/* eplb plan: recorded loads in, a placement out. */
#include "tools/plan/plan.h"
#include "core/model/loads.h"
#include "core/plan/planner_row.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "tools/common/commands.h"
#include "tools/common/current_placement.h"
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- options ---- */

enum { KEY_CURRENT = 256, KEY_ROUTING, KEY_WINDOW, KEY_JSON };

static const struct argp_option arguments[] = {
    {"current", KEY_CURRENT, "FILE", 0,
     "plan few moves from this placement: a file of eplb plan -o, SGLang, TensorRT-LLM, vLLM or vllm-ascend", 0},
    {"window", KEY_WINDOW, "WHICH", 0,
     "windows to plan for: sum (of all); a number from 0, or last, for one window; or all: history and chain use the "
     "last 16 windows, other planners their sum, and the plan is scored on each window (sum)",
     0},
    {"routing", KEY_ROUTING, "M,N", 0, "each token selects N experts from M groups (8 from half of the groups)", 0},
    {"json", KEY_JSON, NULL, 0, "the placement as JSON on standard output instead of a summary", 0},
    {"output", 'o', "FILE", 0, "write the placement as JSON to FILE", 0},
    {0}};

static int parse_window(const struct argp_state *state, const char *text) {
  static const char *const names[] = {"last", "sum", "all"};
  char *end;
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, names[i]))
      return PLAN_WINDOW_LAST - i;
  long number = strtol(text, &end, 10);
  if (end == text || *end || number < 0 || number > INT32_MAX)
    tool_usage_error(state, "--window is \"%s\"; expected a number from 0, last, sum or all", text);
  return (int)number;
}

static void parse_routing(const struct argp_state *state, const char *text, plan_options_t *o) {
  char after;
  if (sscanf(text, "%d,%d%c", &o->token_groups, &o->token_experts, &after) != 2 || o->token_groups < 1 ||
      o->token_experts < 1)
    tool_usage_error(state, "--routing is \"%s\"; expected groups and experts of a token, such as 4,8", text);
}

static error_t parse_plan_option(int key, char *text, struct argp_state *state) {
  plan_options_t *o = state->input;
  switch (key) {
  case KEY_CURRENT:
    o->current = text;
    return 0;
  case KEY_ROUTING:
    parse_routing(state, text, o);
    return 0;
  case KEY_WINDOW:
    o->window = parse_window(state, text);
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case 'o':
    o->output = text;
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->recording;
    state->child_inputs[1] = &o->planner;
    return 0;
  case ARGP_KEY_SUCCESS:
    o->planner.payback.expert_bytes = o->recording.expert_bytes;
    if (!o->current)
      planner_options_refuse_moves(&o->planner, "--current FILE, too", state);
    planner_options_finish(&o->planner, state);
    if (o->token_groups && o->planner.plan.num_groups == 1)
      tool_usage_error(state, "--routing is about groups of experts; expected --num-groups, too");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* ---- planning ---- */

/* The load that is planned for, from the windows asked for. */
static eplb_status_t choose_load(plan_result_t *r) {
  const eplb_loads_t *loads = r->loads;
  int window = r->options->window == PLAN_WINDOW_LAST ? loads->num_windows - 1 : r->options->window;
  size_t values = (size_t)loads->num_layers * (size_t)loads->num_experts;
  if (window >= loads->num_windows)
    return eplb_fail(EPLB_ERR_ARGUMENT, "--window is %d, and %s has windows 0 to %d", window,
                     r->options->recording.loads, loads->num_windows - 1);
  r->load = EPLB_NEW(double, values);
  if (!r->load)
    return EPLB_ERR_MEMORY;
  if (window < 0)
    eplb_loads_sum(loads, r->load);
  else
    memcpy(r->load, eplb_loads_window(loads, window), values * sizeof *r->load);
  r->num_summed = window < 0 ? loads->num_windows : 1;
  r->idle_layers = eplb_loads_idle_layers(loads->num_layers, loads->num_experts, r->load);
  return EPLB_SUCCESS;
}

int plan_uses_each_window(const plan_result_t *r) {
  return r->options->window == PLAN_WINDOW_ALL && !eplb_planner_uses(r->plan.planner, EPLB_USES_FORECAST);
}

/* Resolves the options. A window that is the sum of several has that many times the load, so the horizon is divided. */
static eplb_status_t resolve_options(plan_result_t *r) {
  eplb_plan_options_init(&r->plan);
  eplb_status_t status = eplb_plan_resolve(&r->options->planner.plan, r->topology, &r->plan);
  r->payback = r->options->planner.payback;
  r->payback.horizon /= r->num_summed;
  if (r->plan.payback && !plan_uses_each_window(r))
    r->plan.payback = &r->payback;
  return status;
}

static void choose_windows(const plan_result_t *r, eplb_windows_t *windows) {
  int all = r->loads->num_windows, many = all < EPLB_HISTORY_MAX ? all : EPLB_HISTORY_MAX;
  *windows = eplb_windows_single(r->loads->num_layers, r->loads->num_experts, r->load);
  if (!plan_uses_each_window(r))
    return;
  windows->num_windows = many;
  for (int k = 0; k < many; k++) {
    windows->load[k] = eplb_loads_window(r->loads, all - 1 - k);
    windows->weight[k] = pow(EPLB_HISTORY_DECAY, k);
  }
}

static eplb_status_t plan_timed(plan_result_t *r) {
  eplb_windows_t windows = {.size = sizeof windows};
  struct timespec from, to;
  choose_windows(r, &windows);
  clock_gettime(CLOCK_MONOTONIC, &from);
  eplb_status_t status =
      eplb_plan(&r->plan, r->topology, &windows, r->options->current ? r->before : NULL, &r->placement);
  if (status == EPLB_ERR_MEMORY)
    status = eplb_fail(status, "planning for %s with %s: %s", eplb_count(r->topology->num_devices, "GPU"),
                       eplb_count(eplb_topology_num_slots(r->topology), "slot"), eplb_last_error());
  clock_gettime(CLOCK_MONOTONIC, &to);
  r->milliseconds = 1e3 * (double)(to.tv_sec - from.tv_sec) + 1e-6 * (double)(to.tv_nsec - from.tv_nsec);
  return status;
}

/* ---- the whole ---- */

static eplb_status_t write_placement(const plan_result_t *r, const char *path) {
  const eplb_plan_record_t record = {.size = sizeof record,
                                     .topology = r->topology,
                                     .placement = r->placement,
                                     .layer_id = r->loads->layer_id,
                                     .planner = r->plan.planner,
                                     .policy = r->plan.policy,
                                     .num_groups = r->plan.num_groups,
                                     .balancedness = r->planned.mean,
                                     .layer_balancedness = r->planned.layer,
                                     .layer_bound = r->bound.layer,
                                     .transfers = r->options->current ? r->change.transfers : NULL};
  return eplb_placement_write_json(path, &record);
}

static eplb_status_t write_results(const plan_result_t *r) {
  const char *output = r->options->output;
  int to_stdout = r->options->json || (output && !strcmp(output, "-"));
  eplb_status_t status = output && strcmp(output, "-") ? write_placement(r, output) : EPLB_SUCCESS;
  if (!status)
    status = to_stdout ? write_placement(r, "-") : plan_print(r);
  return status;
}

/* The current placement, or else what a job starts with. */
static eplb_status_t find_before(plan_result_t *r) {
  int layers = r->loads->num_layers, experts = r->loads->num_experts, slots = eplb_topology_num_slots(r->topology);
  const current_question_t question = {r->options->current, r->options->recording.loads, r->loads, r->topology};
  return question.file ? read_current_placement(&question, &r->before)
                       : eplb_placement_create_linear(layers, experts, slots, &r->before);
}

/* --routing is checked whether or not the topology has nodes to visit. */
static eplb_status_t check_routing_option(const plan_result_t *r) {
  const plan_options_t *o = r->options;
  int groups = o->planner.plan.num_groups, experts = r->loads->num_experts;
  if (!o->token_groups)
    return EPLB_SUCCESS;
  if (o->token_groups > groups || o->token_experts > experts)
    return eplb_fail(EPLB_ERR_ARGUMENT, "--routing is %d,%d for %s in %s; expected up to %d groups and %d experts",
                     o->token_groups, o->token_experts, eplb_count(experts, "expert"), eplb_count(groups, "group"),
                     groups, experts);
  if (eplb_topology_num_nodes(r->topology) == 1)
    return eplb_fail(EPLB_ERR_ARGUMENT, "--routing counts the nodes that a token visits, and there is one; expected "
                                        "--nodes or a topology of several nodes");
  return EPLB_SUCCESS;
}

static eplb_status_t make_plan(plan_result_t *r) {
  eplb_status_t status = recording_read(r->options->recording.loads, &r->loads);
  if (!status)
    status = choose_load(r);
  if (!status)
    status = recording_topology(&r->options->recording, r->loads->num_experts, &r->topology);
  if (!status)
    status = check_routing_option(r);
  if (!status)
    status = find_before(r);
  if (!status)
    status = resolve_options(r);
  if (!status)
    status = plan_timed(r);
  if (!status)
    status = plan_compute_scores(r);
  return status ? status : write_results(r);
}

/* Where the number of slots was the trouble: the next one that is none. */
static void suggest_slots(const plan_result_t *r) {
  int gpus = r->topology ? r->topology->num_devices : 0, slots = gpus ? eplb_topology_num_slots(r->topology) : 0;
  int experts = r->loads ? r->loads->num_experts : 0;
  if (!gpus)
    return;
  int divides = slots % gpus == 0 || r->plan.planner != EPLB_PLANNER_DEEPSEEK;
  if (slots < experts || !divides)
    fprintf(stderr, r->options->recording.topology ? "try a topology of %lld slots\n" : "try --slots %lld\n",
            ((slots < experts ? experts : slots) + (long long)gpus - 1) / gpus * gpus);
}

int command_plan(int argc, char **argv) {
  static const struct argp_child children[] = {{&recording_argp, 0, NULL, 0}, {&planner_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_plan_option,
      "LOADS",
      "Make a placement (which slots of which GPUs hold which experts) for recorded LOADS: " RECORDING_FORMS
      "; - is standard input.\vExample: eplb plan loads.csv --nodes 4 --gpus 32 -o "
      "placement.json",
      children,
      NULL,
      NULL};
  plan_options_t options = {.recording.nodes = 1, .window = PLAN_WINDOW_SUM, .token_experts = 8};
  planner_options_init(&options.planner);
  tool_parse(&argp, argc, argv, &options);
  plan_result_t r = {.options = &options};
  eplb_status_t status = make_plan(&r);
  int exit_status = status ? tool_report(status) : TOOL_GOOD;
  if (status == EPLB_ERR_SHAPE)
    suggest_slots(&r);
  eplb_placement_destroy(&r.placement);
  eplb_placement_destroy(&r.before);
  eplb_topology_destroy(&r.topology);
  eplb_loads_destroy(&r.loads);
  free(r.load);
  free(r.was.layer);
  free(r.planned.layer);
  free(r.bound.layer);
  return exit_status;
}
