/* eplb replay: a recording, window by window, as a job would meet it. */
#include "tools/replay/replay.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_POLICIES = 256,
  KEY_CURRENT,
  KEY_SHARES,
  KEY_HISTORY,
  KEY_WINDOW,
  KEY_WARMUP,
  KEY_FROM_SCRATCH,
  KEY_AS_SESSION,
  KEY_BATCH,
  KEY_SEED,
  KEY_JSON
};

static const struct argp_option arguments[] = {
    {"policies", KEY_POLICIES, "LIST", 0,
     "planners to compare (deepseek,window,history,chain,auto); each gets the options that it can use", 0},
    {"current", KEY_CURRENT, "FILE", 0, "the placement that the first plan starts from (default: from scratch)", 0},
    {"shares", KEY_SHARES, "on|off", 0,
     "on: split each expert over its replicas by shares computed from the batch's own counts; off: split equally (on "
     "for chain, and for auto with --split shares)",
     0},
    {"history", KEY_HISTORY, "WINDOWS", 0, "recent windows to plan with, 1 to 16 (16)", 0},
    {"window", KEY_WINDOW, "WHICH", OPTION_HIDDEN, NULL, 0},
    {"warmup", KEY_WARMUP, "N", 0, "number of windows before the first plan (4)", 0},
    {"from-scratch", KEY_FROM_SCRATCH, NULL, 0,
     "plan each window from scratch (default: from the current placement, as a job does)", 0},
    {"as-session", KEY_AS_SESSION, NULL, 0,
     "plan after every window, from the linear placement that a session starts with; --warmup is only of the scores",
     0},
    {"batch-tokens", KEY_BATCH, "N", 0,
     "score on batches of N token-expert pairs drawn from each window, not on the whole window", 0},
    {"seed", KEY_SEED, "N", 0, "seed of these batches (1)", 0},
    {"json", KEY_JSON, NULL, 0, "JSON lines: one for each policy and window, then one summary for each policy", 0},
    {0}};

static void parse_policies(const struct argp_state *state, const char *text, replay_options_t *o) {
  eplb_plan_options_t one;
  eplb_plan_options_init(&one);
  o->num_policies = 0;
  for (const char *from = text; from; from = strchr(from, ',') ? strchr(from, ',') + 1 : NULL) {
    char name[32] = "";
    size_t length = strcspn(from, ",");
    if (o->num_policies == REPLAY_MAX_POLICIES)
      tool_usage_error(state, "--policies is \"%s\"; expected at most %d names", text, REPLAY_MAX_POLICIES);
    memcpy(name, from, length < sizeof name ? length : sizeof name - 1);
    if (planner_options_set(&one, "planner", "--policies", name))
      tool_usage_error(state, "%s", eplb_last_error());
    for (int i = 0; i < o->num_policies; i++)
      if (o->policy[i] == one.planner)
        tool_usage_error(state, "--policies is \"%s\"; expected each planner once", text);
    o->policy[o->num_policies++] = one.planner;
  }
}

static void parse_shares(const struct argp_state *state, const char *text, replay_options_t *o) {
  if (strcmp(text, "on") && strcmp(text, "off"))
    tool_usage_error(state, "--shares is \"%s\"; expected on or off", text);
  o->shares = strcmp(text, "on") ? REPLAY_SHARES_OFF : REPLAY_SHARES_ON;
}

/* Each policy gets what it can use; what none can use is refused. */
static void refuse_unused(const replay_options_t *o, const struct argp_state *state) {
  char label[OPTION_ROWS_TEXT];
  unsigned planners = 0;
  for (int i = 0; i < o->num_policies; i++)
    planners |= o->policy[i] == EPLB_PLANNER_AUTO ? ~0u : 1u << o->policy[i];
  for (int i = 0; i < o->planner.rows.count; i++)
    if (o->planner.rows.given >> i & 1 && !(o->planner.rows.row[i]->planners & planners))
      tool_usage_error(state,
                       "%s cannot be used by any planner of --policies; expected one that can use it, such as %s",
                       option_rows_label(o->planner.rows.row[i], label),
                       o->planner.rows.row[i]->planners >> EPLB_PLANNER_WINDOW & 1 ? "window" : "history");
}

/* What would change nothing. */
static void refuse_ignored(const replay_options_t *o, const struct argp_state *state) {
  if (o->from_scratch)
    planner_options_refuse_moves(&o->planner, "it without --from-scratch", state);
  if (o->from_scratch && o->as_session)
    tool_usage_error(state, "--as-session plans from the current placement; expected it without --from-scratch");
  if (o->from_scratch && o->current)
    tool_usage_error(state, "--current is where plans start from; expected it without --from-scratch");
  if (o->has_seed && !o->batch_tokens)
    tool_usage_error(state, "--seed is of the batches that are drawn; expected --batch-tokens, too");
}

static error_t parse_replay_option(int key, char *text, struct argp_state *state) {
  replay_options_t *o = state->input;
  switch (key) {
  case KEY_POLICIES:
    parse_policies(state, text, o);
    return 0;
  case KEY_CURRENT:
    o->current = text;
    return 0;
  case KEY_SHARES:
    parse_shares(state, text, o);
    return 0;
  case KEY_WINDOW:
    tool_usage_error(state, "--window is now two options; expected --history WINDOWS or --forecast NAME");
    return 0;
  case KEY_HISTORY:
    o->history = (int)tool_integer(state, "history", text, 1, EPLB_HISTORY_MAX);
    return 0;
  case KEY_WARMUP:
    o->warmup = (int)tool_integer(state, "warmup", text, 1, 1 << 24);
    o->has_warmup = 1;
    return 0;
  case KEY_FROM_SCRATCH:
    o->from_scratch = 1;
    return 0;
  case KEY_AS_SESSION:
    o->as_session = 1;
    return 0;
  case KEY_BATCH:
    o->batch_tokens = (int)tool_integer(state, "batch-tokens", text, 1, 1 << 24);
    return 0;
  case KEY_SEED:
    o->seed = (uint64_t)tool_integer(state, "seed", text, 0, INT64_MAX);
    o->has_seed = 1;
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
    if (o->planner.plan.planner != EPLB_PLANNER_AUTO)
      tool_usage_error(state, "--planner names one planner; expected --policies %s",
                       eplb_plan_name("planner", (int)o->planner.plan.planner));
    refuse_unused(o, state);
    refuse_ignored(o, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static eplb_status_t resolve_policy(replay_run_t *run, eplb_planner_t planner) {
  const replay_options_t *o = run->options;
  eplb_plan_options_t plan = o->planner.plan;
  plan.planner = planner;
  if (planner != EPLB_PLANNER_AUTO)
    planner_options_keep_used(&plan, planner);
  if (o->shares == REPLAY_SHARES_ON)
    plan.split = EPLB_PLAN_SPLIT_SHARES;
  eplb_plan_options_init(&run->plan);
  eplb_status_t status = eplb_plan_resolve(&plan, run->topology, &run->plan);
  run->with_shares = o->shares == REPLAY_SHARES_ON ||
                     (o->shares == REPLAY_SHARES_AUTO &&
                      (run->plan.planner == EPLB_PLANNER_CHAIN || run->plan.split == EPLB_PLAN_SPLIT_SHARES));
  return status;
}

static eplb_status_t check_windows(const replay_options_t *o, const eplb_loads_t *loads) {
  if (loads->num_windows < 2)
    return eplb_fail(EPLB_ERR_SHAPE, "%s has one window; expected two or more, to plan from one and score on the next",
                     o->recording.loads);
  if (o->has_warmup && o->warmup >= loads->num_windows)
    return eplb_fail(EPLB_ERR_ARGUMENT, "--warmup is %d, and %s has %s; expected 1 to %d, so that one is left to score",
                     o->warmup, o->recording.loads, eplb_count(loads->num_windows, "window"), loads->num_windows - 1);
  return EPLB_SUCCESS;
}

static eplb_status_t replay(const replay_options_t *o, eplb_loads_t **loads, eplb_topology_t **topology,
                            replay_run_t *run) {
  eplb_status_t status = recording_read(o->recording.loads, loads);
  if (!status)
    status = check_windows(o, *loads);
  if (!status)
    status = recording_topology(&o->recording, (*loads)->num_experts, topology);
  for (int i = 0; i < o->num_policies && !status; i++) {
    run[i] = (replay_run_t){.options = o, .loads = *loads, .topology = *topology, .policy = o->policy[i]};
    status = resolve_policy(&run[i], o->policy[i]);
    if (!status)
      status = replay_policy(&run[i], i * (*loads)->num_windows, o->num_policies * (*loads)->num_windows + 1);
  }
  tool_progress("", 1, 1);
  if (!status && o->json)
    replay_print_json(run, o->num_policies);
  else if (!status)
    replay_print(run, o->num_policies);
  return status;
}

int command_replay(int argc, char **argv) {
  static const struct argp_child children[] = {{&recording_argp, 0, NULL, 0}, {&planner_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_replay_option,
      "LOADS",
      "Compare planners on the windows of recorded LOADS, as in a job: plan from past windows, and score on the next "
      "one. LOADS are " RECORDING_FORMS
      "; - is standard input.\vThe first plan is made from scratch, or from --current; later plans from the current "
      "placement; deepseek always plans from scratch. Example: eplb replay loads.csv --nodes 4 --gpus 32 "
      "--max-moves 10",
      children,
      NULL,
      NULL};
  replay_options_t o = {.recording.nodes = 1,
                        .history = EPLB_HISTORY_MAX,
                        .warmup = 4,
                        .seed = 1,
                        .num_policies = 5,
                        .policy = {EPLB_PLANNER_DEEPSEEK, EPLB_PLANNER_WINDOW, EPLB_PLANNER_HISTORY, EPLB_PLANNER_CHAIN,
                                   EPLB_PLANNER_AUTO}};
  planner_options_init(&o.planner);
  planner_options_hide_planner();
  tool_parse(&argp, argc, argv, &o);
  replay_run_t run[REPLAY_MAX_POLICIES] = {0};
  eplb_loads_t *loads = NULL;
  eplb_topology_t *topology = NULL;
  eplb_status_t status = replay(&o, &loads, &topology, run);
  for (int i = 0; i < o.num_policies; i++)
    free(run[i].step);
  eplb_topology_destroy(&topology);
  eplb_loads_destroy(&loads);
  return status ? tool_report(status) : TOOL_GOOD;
}
