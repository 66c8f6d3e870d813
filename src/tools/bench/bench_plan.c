/* eplb bench plan */
#include "core/model/placement.h"
#include "core/model/synthetic.h"
#include "core/plan/common/remote_nodes.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "tools/bench/bench.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include "tools/common/planner_options.h"
#include "tools/common/recording_options.h"
#include <argp.h>
#include <eplb/eplb.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is measured ---- */

typedef struct shape {
  int experts, slots, gpus, nodes, groups;
  eplb_spread_t spread;
  double parameter;
  int layers;
  double spill;
} shape_t;

/* 58 layers: DeepSeek-V3's. */
static const shape_t shapes[] = {
    {256, 288, 32, 4, 1, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {256, 320, 64, 8, 1, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {256, 320, 64, 8, 1, EPLB_SPREAD_ZIPF, 1.2, 58, 0},
    {256, 288, 72, 9, 1, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {128, 192, 64, 8, 1, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {256, 288, 144, 18, 1, EPLB_SPREAD_LOGNORMAL, .5, 58, 0},
    {256, 320, 320, 40, 1, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {256, 288, 32, 4, 8, EPLB_SPREAD_LOGNORMAL, 1, 58, 0},
    {256, 288, 32, 4, 8, EPLB_SPREAD_LOGNORMAL, 1, 58, .99},
    {4096, 32768, 16384, 2048, 1, EPLB_SPREAD_LOGNORMAL, 1, 1, 0},
};

/* From window to window, with a placement to start from. */
static const struct {
  int gpus, nodes;
  double node_cost;
} drifts[] = {{32, 4, 1}, {32, 4, 4}, {72, 9, 1}};
enum { DRIFT_WINDOWS = 21, DRIFT_LAYERS = 20, EXPERTS = 256, SLOTS = 288 };
static const double DRIFT = .01;

typedef struct row {
  double seconds;                  /* per layer and plan, the least of the repetitions */
  double mean, worst, bound;       /* balancedness */
  double colocated, moves, across; /* per layer and plan; moves: slots that get another expert from elsewhere */
  double remote;                   /* other nodes that a token visits, with groups of experts */
  int plans;                       /* layers planned, once each */
  eplb_planner_t planner;          /* resolved */
  uint64_t digest;                 /* of the placement, where it is one */
} row_t;

typedef struct bench {
  const char *loads;
  int repeat, json;
  eplb_effort_t effort;
  eplb_planner_t planner; /* beside deepseek */
} bench_t;

/* ---- measuring ---- */

/* Replicas beyond the first of an expert on a device. */
static int count_colocated(const eplb_topology_t *t, const eplb_placement_t *p, int layer) {
  const int32_t *row = p->physical_to_logical + (size_t)layer * (size_t)p->num_slots;
  int colocated = 0;
  for (int d = 0; d < t->num_devices; d++)
    for (int s = t->slot_begin[d]; s < t->slot_begin[d + 1]; s++)
      for (int k = t->slot_begin[d]; k < s; k++)
        if (row[k] == row[s] && row[s] != EPLB_EMPTY) {
          colocated++;
          break;
        }
  return colocated;
}

/* Tokens go as DeepSeek-V3's: 8 experts from half of the groups. */
static eplb_status_t score_plan(const eplb_topology_t *t, const eplb_placement_t *p, const double *load, int groups,
                                row_t *row) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int l = 0; l < p->num_layers && !status; l++) {
    const double *layer_load = load + (size_t)l * (size_t)p->num_experts;
    double balance = eplb_balancedness(t, p, l, layer_load), bound = 1;
    eplb_visits_t remote = {0};
    status = eplb_balancedness_bound(t, p->num_experts, layer_load, &bound);
    if (!status && groups > 1)
      status = eplb_remote_nodes(&(const eplb_group_routing_t){groups, groups / 2, 8}, t, p, l, layer_load, &remote);
    row->remote += remote.nodes;
    row->mean += balance;
    row->worst = row->plans == 0 || balance < row->worst ? balance : row->worst;
    row->bound += bound;
    row->colocated += count_colocated(t, p, l);
    row->plans++;
  }
  return status;
}

static void finish_row(row_t *row) {
  row->mean /= row->plans;
  row->bound /= row->plans;
  row->colocated /= row->plans;
  row->moves /= row->plans;
  row->across /= row->plans;
  row->remote /= row->plans;
}

/* The options of row 0, the deepseek planner, or row 1, the one that is asked for; resolved. */
static eplb_status_t resolve_row(const bench_t *b, const eplb_plan_options_t *options, int row,
                                 const eplb_topology_t *t, eplb_plan_options_t *resolved) {
  eplb_plan_options_t o = *options;
  o.planner = row ? b->planner : EPLB_PLANNER_DEEPSEEK;
  if (o.planner != EPLB_PLANNER_AUTO)
    planner_options_keep_used(&o, o.planner);
  eplb_plan_options_init(resolved);
  return eplb_plan_resolve(&o, t, resolved);
}

/* Each of two planners in turn, so that what slows the machine down slows both. rows[2]. */
static eplb_status_t race(const bench_t *b, const eplb_plan_options_t *options, const eplb_topology_t *t,
                          const eplb_loads_t *loads, row_t *rows) {
  const eplb_windows_t window = eplb_windows_single(loads->num_layers, loads->num_experts, loads->load);
  eplb_status_t status = EPLB_SUCCESS;
  for (int k = 0; k < b->repeat && !status; k++)
    for (int i = 0; i < 2 && !status; i++) {
      eplb_plan_options_t o;
      eplb_placement_t *p;
      status = resolve_row(b, options, i, t, &o);
      double since = bench_core_seconds();
      if (!status)
        status = eplb_plan(&o, t, &window, NULL, &p);
      double seconds = (bench_core_seconds() - since) / loads->num_layers;
      if (status)
        return status;
      rows[i].planner = o.planner;
      rows[i].digest = eplb_placement_digest(p);
      rows[i].seconds = k ? fmin(rows[i].seconds, seconds) : seconds;
      if (k == 0)
        status = score_plan(t, p, loads->load, options->num_groups, &rows[i]);
      eplb_placement_destroy(&p);
    }
  finish_row(&rows[0]);
  finish_row(&rows[1]);
  return status;
}

static eplb_status_t count_planner_moves(const eplb_topology_t *t, const eplb_placement_t *before,
                                         const eplb_placement_t *after, row_t *row) {
  eplb_deriver_t *deriver;
  eplb_transfers_t list = {0};
  eplb_status_t status = eplb_deriver_create(t, before->num_experts, &deriver);
  for (int l = 0; l < before->num_layers && !status; l++) {
    status = eplb_derive_layer(deriver, eplb_placement_row(before, l), eplb_placement_row(after, l), l, 1, &list);
    for (int64_t i = 0; i < list.count; i++) {
      row->moves += list.transfer[i].link != EPLB_LINK_DEVICE;
      row->across += list.transfer[i].link == EPLB_LINK_NETWORK;
    }
  }
  eplb_transfers_free(&list);
  eplb_deriver_destroy(&deriver);
  return status;
}

/* Window after window from the placement before. */
static eplb_status_t follow(const eplb_plan_options_t *options, const eplb_topology_t *t, const eplb_loads_t *loads,
                            row_t *row) {
  eplb_placement_t *before = NULL;
  eplb_windows_t window = eplb_windows_single(loads->num_layers, loads->num_experts, eplb_loads_window(loads, 0));
  eplb_status_t status = eplb_plan(options, t, &window, NULL, &before);
  row->planner = options->planner;
  for (int w = 1; w < loads->num_windows && !status; w++) {
    eplb_placement_t *after = NULL;
    double since = bench_core_seconds();
    window.load[0] = eplb_loads_window(loads, w);
    status = eplb_plan(options, t, &window, before, &after);
    row->seconds += (bench_core_seconds() - since) / loads->num_layers / (loads->num_windows - 1);
    if (!status)
      status = score_plan(t, after, eplb_loads_window(loads, w), options->num_groups, row);
    if (!status)
      status = count_planner_moves(t, before, after, row);
    eplb_placement_destroy(&before);
    before = after;
  }
  eplb_placement_destroy(&before);
  if (!status)
    finish_row(row);
  return status;
}

/* ---- printing ---- */

static void print_head(const bench_t *b, const char *title) {
  if (!b->json)
    printf("\n%s\n%-50s %-10s %11s %8s  %-13s %6s %6s %7s %7s\n", title, "", "planner", "us/layer", "x ref.",
           "mean   worst", "bound", "co-loc", "moves", "across");
}

static void print_row(const bench_t *b, const char *what, const row_t *row, double reference) {
  const char *planner = eplb_plan_name("planner", (int)row->planner);
  if (!b->json) {
    printf("%-50s %-10s %11.1f %8.2f  %.4f %.4f %6.4f %6.2f", what, planner, row->seconds * 1e6,
           row->seconds / reference, row->mean, row->worst, row->bound, row->colocated);
    if (row->moves > 0)
      printf(" %7.1f %7.1f", row->moves, row->across);
    if (row->remote > 0)
      printf("  %.3f remote nodes", row->remote);
    putchar('\n');
    fflush(stdout);
    return;
  }
  char digest[24];
  snprintf(digest, sizeof digest, "%016" PRIx64, row->digest);
  json_t *line =
      json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "case", what, "planner", planner,
                "placement_digest", digest, "us_per_layer", row->seconds * 1e6, "balancedness_mean", row->mean,
                "balancedness_worst", row->worst, "bound", row->bound, "co_located_replicas", row->colocated, "moves",
                row->moves, "across_nodes", row->across, "remote_nodes", row->remote);
  char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
  if (text)
    puts(text);
  free(text);
  json_decref(line);
}

/* ---- the tables ---- */

static eplb_status_t bench_shape(const bench_t *b, const shape_t *s, const eplb_loads_t *recorded, const char *name) {
  eplb_generate_options_t g;
  eplb_plan_options_t options;
  eplb_topology_t *t = NULL;
  eplb_loads_t *made = NULL;
  row_t rows[2] = {{.plans = 0}, {.plans = 0}};
  char what[96];
  eplb_generate_options_init(&g);
  g.num_windows = 1, g.num_layers = s->layers, g.num_experts = s->experts, g.spread = s->spread,
  g.parameter = s->parameter;
  eplb_plan_options_init(&options);
  options.num_groups = s->groups, options.spill = s->spill, options.effort = b->effort;
  eplb_status_t status = recorded ? EPLB_SUCCESS : eplb_loads_generate(&g, &made);
  if (!status)
    status = eplb_topology_declare(s->nodes, s->gpus, s->slots / s->gpus, &t);
  if (!status)
    status = race(b, &options, t, recorded ? recorded : made, rows);
  if (!status) {
    int length = snprintf(what, sizeof what, "%d in %d on %d, ", s->experts, s->slots, s->gpus);
    if (recorded)
      length += snprintf(what + length, sizeof what - (size_t)length, "%.24s", name);
    else
      length += snprintf(what + length, sizeof what - (size_t)length, "%s %g",
                         s->spread == EPLB_SPREAD_ZIPF ? "Zipf" : "lognormal", s->parameter);
    if (s->groups > 1)
      length += snprintf(what + length, sizeof what - (size_t)length, ", %s", eplb_count(s->groups, "group"));
    if (s->spill > 0)
      snprintf(what + length, sizeof what - (size_t)length, " spill %g", s->spill);
    print_row(b, what, &rows[0], rows[0].seconds);
    print_row(b, "", &rows[1], rows[0].seconds);
  }
  eplb_loads_destroy(&made);
  eplb_topology_destroy(&t);
  return status;
}

static eplb_status_t bench_drift(const bench_t *b, int number) {
  eplb_generate_options_t g;
  eplb_plan_options_t options;
  eplb_topology_t *t = NULL;
  eplb_loads_t *loads = NULL;
  row_t rows[2] = {{.plans = 0}, {.plans = 0}};
  char what[96];
  eplb_generate_options_init(&g);
  g.num_windows = DRIFT_WINDOWS, g.num_layers = DRIFT_LAYERS, g.num_experts = EXPERTS, g.drift = DRIFT, g.tokens = 1e6;
  eplb_plan_options_init(&options);
  options.effort = b->effort, options.node_cost = drifts[number].node_cost;
  eplb_status_t status = eplb_loads_generate(&g, &loads);
  if (!status)
    status = eplb_topology_declare(drifts[number].nodes, drifts[number].gpus, SLOTS / drifts[number].gpus, &t);
  for (int i = 0; i < 2 && !status; i++) {
    eplb_plan_options_t o;
    status = resolve_row(b, &options, i, t, &o);
    if (!status)
      status = follow(&o, t, loads, &rows[i]);
  }
  if (!status) {
    snprintf(what, sizeof what, "%d in %d on %d, node cost %g", EXPERTS, SLOTS, drifts[number].gpus,
             drifts[number].node_cost);
    print_row(b, what, &rows[0], rows[0].seconds);
    print_row(b, "", &rows[1], rows[0].seconds);
  }
  eplb_loads_destroy(&loads);
  eplb_topology_destroy(&t);
  return status;
}

/* All windows of a recording as if they were layers. */
static eplb_status_t bench_recorded(const bench_t *b) {
  eplb_loads_t *loads;
  eplb_status_t status = recording_read(b->loads, &loads);
  if (status)
    return status;
  const char *slash = strrchr(b->loads, '/');
  int gpus[] = {8, 16, 32, 64, 72, 144}, experts = loads->num_experts;
  loads->num_layers *= loads->num_windows;
  loads->num_windows = 1;
  for (size_t i = 0; i < sizeof gpus / sizeof *gpus && gpus[i] <= experts && !status; i++) {
    int nodes = gpus[i] < 8 ? 1 : gpus[i] / 8, slots = (experts + experts / 8 + gpus[i] - 1) / gpus[i] * gpus[i];
    shape_t s = {experts, slots, gpus[i], nodes, 1, EPLB_SPREAD_LOGNORMAL, 1, 0, 0};
    status = bench_shape(b, &s, loads, slash ? slash + 1 : b->loads);
  }
  loads->num_layers = 1;
  eplb_loads_destroy(&loads);
  return status;
}

static eplb_status_t bench_all(const bench_t *b) {
  eplb_status_t status = EPLB_SUCCESS;
  print_head(b, "from scratch: experts in slots on GPUs, loads");
  if (b->loads)
    return bench_recorded(b);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !status; i++)
    status = bench_shape(b, &shapes[i], NULL, NULL);
  print_head(b, "from the placement before, 20 windows of slow drift: lognormal 1, 1 % of the variance new in each");
  for (int i = 0; i < (int)(sizeof drifts / sizeof *drifts) && !status; i++)
    status = bench_drift(b, i);
  return status;
}

/* ---- the command ---- */

enum { KEY_LOADS = 256, KEY_REPEAT, KEY_PLANNER, KEY_EFFORT, KEY_JSON };

static const struct argp_option arguments[] = {
    {"loads", KEY_LOADS, "FILE", 0,
     "recorded loads (formats of eplb plan) on several numbers of GPUs, instead of synthetic loads", 0},
    {"repeat", KEY_REPEAT, "N", 0, "plan N times and take the shortest time (3)", 0},
    {"planner", KEY_PLANNER, "NAME", 0, "planner to compare with deepseek: auto, window, history or chain (window)", 0},
    {"effort", KEY_EFFORT, "NAME", 0, "effort of that planner: fast, default or best (default)", 0},
    {"json", KEY_JSON, NULL, 0, "a line of JSON for each row", 0},
    {0}};

static void set_option(const struct argp_state *state, const char *name, const char *text, bench_t *b) {
  eplb_plan_options_t plan;
  char label[16];
  eplb_plan_options_init(&plan);
  plan.planner = b->planner, plan.effort = b->effort;
  snprintf(label, sizeof label, "--%s", name);
  if (planner_options_set(&plan, name, label, text))
    tool_usage_error(state, "%s", eplb_last_error());
  b->planner = plan.planner, b->effort = plan.effort;
}

static error_t parse_bench_plan_option(int key, char *text, struct argp_state *state) {
  bench_t *b = state->input;
  switch (key) {
  case KEY_LOADS:
    b->loads = text;
    return 0;
  case KEY_REPEAT:
    b->repeat = (int)tool_integer(state, "repeat", text, 1, 1000000);
    return 0;
  case KEY_PLANNER:
    set_option(state, "planner", text, b);
    return 0;
  case KEY_EFFORT:
    set_option(state, "effort", text, b);
    return 0;
  case KEY_JSON:
    b->json = 1;
    return 0;
  case ARGP_KEY_ARG:
    tool_usage_error(state, "\"%s\" is not an option; expected --loads %s?", text, text);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int bench_plan(int argc, char **argv) {
  static const struct argp argp = {arguments,
                                   parse_bench_plan_option,
                                   NULL,
                                   "Plan many shapes with the window planner (or another) and with deepseek, in turn.\v"
                                   "us/layer: on one core. co-loc: co-located replicas, of one expert on one GPU. "
                                   "moves: replicas that other GPUs send, per layer; across: those from other nodes. "
                                   "remote nodes: expected number of other nodes that a token visits.",
                                   NULL,
                                   NULL,
                                   NULL};
  bench_t bench = {.repeat = 3, .planner = EPLB_PLANNER_WINDOW};
  tool_parse(&argp, argc, argv, &bench);
  eplb_status_t status = bench_all(&bench);
  return status ? tool_report(status) : TOOL_GOOD;
}
