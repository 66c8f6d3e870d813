/* eplb plan: recorded loads in, a placement out. */
#include "tools/plan.h"
#include "core/memory.h"
#include "tools/commands.h"
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- options ---- */

enum { KEY_NODES = 256, KEY_GPUS, KEY_SLOTS, KEY_GROUPS, KEY_POLICY, KEY_PLANNER, KEY_WINDOW, KEY_JSON };

static const struct argp_option arguments[] = {
    {"nodes", KEY_NODES, "N", 0, "nodes (1)", 0},
    {"gpus", KEY_GPUS, "G", 0, "GPUs in all (default: 8 per node)", 0},
    {"slots", KEY_SLOTS, "P", 0,
     "physical experts per layer in all (default: an eighth more than experts, rounded up to a multiple of the GPUs)",
     0},
    {"groups", KEY_GROUPS, "K", 0, "groups of consecutive experts, as group-limited routing has them (1)", 0},
    {"policy", KEY_POLICY, "NAME", 0, "auto, hierarchical or global (auto)", 0},
    {"planner", KEY_PLANNER, "NAME", 0, "default or reference (default)", 0},
    {"window", KEY_WINDOW, "WHICH", 0,
     "plan for a window: its number, from 0, or last; for their mean; or for all: planned for the mean, judged on each "
     "(last)",
     0},
    {"json", KEY_JSON, NULL, 0, "the placement as JSON on standard output instead of a summary", 0},
    {"output", 'o', "FILE", 0, "write the placement as JSON to FILE", 0},
    {0}};

static int parse_window(const struct argp_state *state, const char *text) {
  static const char *const names[] = {"last", "mean", "all"};
  char *end;
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, names[i]))
      return PLAN_WINDOW_LAST - i;
  long number = strtol(text, &end, 10);
  if (end == text || *end || number < 0 || number > INT32_MAX)
    argp_error(state, "--window is \"%s\"; expected a number from 0, last, mean or all", text);
  return (int)number;
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  plan_options_t *o = state->input;
  switch (key) {
  case KEY_NODES:
    o->nodes = (int)tool_integer(state, "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_GPUS:
    o->gpus = (int)tool_integer(state, "gpus", text, 1, 1 << 20);
    return 0;
  case KEY_SLOTS:
    o->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_GROUPS:
    o->plan.num_groups = (int)tool_integer(state, "groups", text, 1, 1 << 30);
    return 0;
  case KEY_POLICY:
    if (eplb_policy_parse(text, &o->plan.policy))
      argp_error(state, "%s", eplb_last_error());
    return 0;
  case KEY_PLANNER:
    if (eplb_planner_parse(text, &o->plan.planner))
      argp_error(state, "%s", eplb_last_error());
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
  case ARGP_KEY_ARG:
    if (o->loads)
      argp_error(state, "\"%s\" is a second file of loads; expected one", text);
    o->loads = text;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "no file of loads; make some with eplb generate -o loads.csv, or give - for standard input");
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
    return eplb_fail(EPLB_ERR_ARGUMENT, "--window is %d, and %s has windows 0 to %d", window, r->options->loads,
                     loads->num_windows - 1);
  r->load = EPLB_NEW(double, values);
  if (!r->load)
    return EPLB_ERR_MEMORY;
  if (window < 0)
    eplb_loads_mean(loads, r->load);
  else
    memcpy(r->load, eplb_loads_window(loads, window), values * sizeof *r->load);
  return EPLB_SUCCESS;
}

/* As many slots as asked for, dealt out evenly to the GPUs, those evenly to the nodes; the first get one more. */
static eplb_status_t declare_topology(plan_result_t *r) {
  const plan_options_t *o = r->options;
  int experts = r->loads->num_experts, gpus = o->gpus ? o->gpus : 8 * o->nodes;
  int64_t wanted = experts + (experts + 7) / 8, slots = o->slots ? o->slots : (wanted + gpus - 1) / gpus * gpus;
  if (slots > INT32_MAX)
    return eplb_fail(EPLB_ERR_SHAPE, "%d experts on %d GPUs are too many slots", experts, gpus);
  if (o->nodes > gpus)
    return eplb_fail(EPLB_ERR_SHAPE, "--nodes is %d for %d GPUs; every node needs one", o->nodes, gpus);
  int *node = EPLB_NEW(int, gpus), *share = EPLB_NEW(int, gpus);
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (node && share) {
    for (int g = 0; g < gpus; g++) {
      node[g] = (int)((int64_t)g * o->nodes / gpus);
      share[g] = (int)slots / gpus + (g < slots % gpus);
    }
    status = eplb_topology_create(gpus, 1, (const char *const[]){"node"}, 0, node, share, NULL, 1, &r->topology);
  }
  free(node);
  free(share);
  return status;
}

/* Mean over the windows that are judged. */
static eplb_status_t judge(const plan_result_t *r, const eplb_placement_t *placement, plan_score_t *score) {
  const eplb_loads_t *loads = r->loads;
  int windows = r->options->window == PLAN_WINDOW_ALL ? loads->num_windows : 1;
  double *layer = EPLB_NEW(double, loads->num_layers);
  score->layer = EPLB_NEW(double, loads->num_layers);
  if (!layer || !score->layer) {
    free(layer);
    return EPLB_ERR_MEMORY;
  }
  for (int w = 0; w < windows; w++) {
    score->mean +=
        eplb_balancedness_mean(r->topology, placement, windows > 1 ? eplb_loads_window(loads, w) : r->load, layer) /
        windows;
    for (int l = 0; l < loads->num_layers; l++)
      score->layer[l] += layer[l] / windows;
  }
  free(layer);
  return EPLB_SUCCESS;
}

static eplb_status_t judge_bound(const plan_result_t *r, plan_score_t *score) {
  const eplb_loads_t *loads = r->loads;
  int windows = r->options->window == PLAN_WINDOW_ALL ? loads->num_windows : 1;
  score->layer = EPLB_NEW(double, loads->num_layers);
  eplb_status_t status = score->layer ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
  for (int i = 0; i < windows * loads->num_layers && !status; i++) {
    int w = i / loads->num_layers, l = i % loads->num_layers;
    const double *load = windows > 1 ? eplb_loads_window(loads, w) : r->load;
    double bound = 0;
    status =
        eplb_balancedness_bound(r->topology, loads->num_experts, load + (size_t)l * (size_t)loads->num_experts, &bound);
    score->layer[l] += bound / windows;
    score->mean += bound / windows / loads->num_layers;
  }
  return status;
}

static eplb_status_t judge_all(plan_result_t *r) {
  eplb_placement_t *linear;
  eplb_status_t status = eplb_placement_create_linear(r->loads->num_layers, r->loads->num_experts,
                                                      eplb_topology_num_slots(r->topology), &linear);
  if (status)
    return status;
  status = judge(r, linear, &r->linear);
  eplb_placement_destroy(&linear);
  if (!status)
    status = judge(r, r->placement, &r->planned);
  return status ? status : judge_bound(r, &r->bound);
}

static eplb_status_t plan_timed(plan_result_t *r) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  eplb_status_t status =
      eplb_plan(&r->options->plan, r->topology, r->loads->num_layers, r->loads->num_experts, r->load, &r->placement);
  clock_gettime(CLOCK_MONOTONIC, &to);
  r->milliseconds = 1e3 * (double)(to.tv_sec - from.tv_sec) + 1e-6 * (double)(to.tv_nsec - from.tv_nsec);
  return status;
}

/* ---- the whole ---- */

static eplb_status_t write_placement(const plan_result_t *r, const char *path) {
  const eplb_plan_record_t record = {.topology = r->topology,
                                     .placement = r->placement,
                                     .layer_id = r->loads->layer_id,
                                     .planner = r->options->plan.planner,
                                     .policy = eplb_plan_policy(&r->options->plan, r->topology),
                                     .num_groups = r->options->plan.num_groups,
                                     .balancedness = r->planned.mean,
                                     .layer_balancedness = r->planned.layer,
                                     .layer_bound = r->bound.layer};
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

static eplb_status_t plan(plan_result_t *r) {
  eplb_status_t status = eplb_loads_read(r->options->loads, &r->loads);
  if (!status)
    status = choose_load(r);
  if (!status)
    status = declare_topology(r);
  if (!status)
    status = plan_timed(r);
  if (!status)
    status = judge_all(r);
  return status ? status : write_results(r);
}

/* Where the number of slots was the trouble: the next one that is none. */
static void suggest_slots(const plan_result_t *r) {
  int gpus = r->topology ? r->topology->num_devices : 0, slots = gpus ? eplb_topology_num_slots(r->topology) : 0;
  int experts = r->loads ? r->loads->num_experts : 0;
  if (gpus && (slots < experts || slots % gpus))
    fprintf(stderr, "try --slots %lld\n", ((slots < experts ? experts : slots) + (long long)gpus - 1) / gpus * gpus);
}

int command_plan(int argc, char **argv) {
  static const struct argp argp = {arguments,
                                   parse_option,
                                   "LOADS",
                                   "Plan which slots of which GPUs hold which experts, for recorded loads (CSV; - is "
                                   "standard input).\vExample: eplb plan loads.csv --nodes 4 --gpus 32 -o "
                                   "placement.json",
                                   NULL,
                                   NULL,
                                   NULL};
  plan_options_t options = {.nodes = 1, .window = PLAN_WINDOW_LAST};
  eplb_plan_options_init(&options.plan);
  tool_parse(&argp, argc, argv, &options);
  plan_result_t r = {.options = &options};
  eplb_status_t status = plan(&r);
  int exit_status = status ? tool_report(status) : TOOL_GOOD;
  if (status == EPLB_ERR_SHAPE)
    suggest_slots(&r);
  eplb_placement_destroy(&r.placement);
  eplb_topology_destroy(&r.topology);
  eplb_loads_destroy(&r.loads);
  free(r.load);
  free(r.linear.layer);
  free(r.planned.layer);
  free(r.bound.layer);
  return exit_status;
}
