/* Options of `eplb run`. */
#include "core/model/synthetic.h"
#include "core/plan/planner_row.h"
#include "tools/common/commands.h"
#include "tools/run/run.h"
#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_INJECT = 256, KEY_FORMER, KEY_TRIGGER, GROUP_TRIGGER = 12 };

static const struct argp_option arguments[] = {
    {"inject", KEY_INJECT, "STEP@RANK", 0,
     "make a step fail on a rank: create, reduce, plan, broadcast, derive, stage, send, receive, arrive; or damage: "
     "flip a bit of the data that it receives",
     0},
    {0}};

static void parse_inject(const struct argp_state *state, const char *text, run_options_t *o) {
  static const char *const names[] = {"create", "reduce", "plan",    "broadcast", "derive",
                                      "stage",  "send",   "receive", "arrive",    "damage"};
  const char *at = strchr(text, '@');
  char *end = NULL;
  long rank = at ? strtol(at + 1, &end, 10) : -1;
  for (int i = 0; at && end != at + 1 && !*end && rank >= 0 && i <= EPLB_NUM_STEPS; i++)
    if (strlen(names[i]) == (size_t)(at - text) && !strncmp(text, names[i], (size_t)(at - text))) {
      o->inject_damage = i == EPLB_NUM_STEPS;
      o->inject_step = o->inject_damage ? EPLB_STEP_RECEIVE : i;
      o->inject_rank = (int)rank;
      if (i == EPLB_STEP_PLAN && rank > 0)
        tool_usage_error(state, "--inject is \"%s\"; only rank 0 plans: expected plan@0", text);
      return;
    }
  tool_usage_error(state, "--inject is \"%s\"; expected a step and a rank, such as receive@1", text);
}

/* ---- the trigger ---- */

static const former_option_t former[] = {{"when-it-pays", "hysteresis"}};

/* run_parse adds the rows. */
static struct argp_option trigger_arguments[OPTION_ROWS_MAX + 4] = {
    {.doc = "Rebalance only if it pays (requires --seconds-per-load):", .group = GROUP_TRIGGER}};

static error_t parse_trigger(int key, char *text, struct argp_state *state) {
  run_options_t *o = state->input;
  const eplb_option_t *row = option_rows_find(&o->trigger_rows, key);
  if (key == KEY_FORMER)
    option_rows_refuse_former(former, state);
  if (!row)
    return ARGP_ERR_UNKNOWN;
  option_rows_set(&o->trigger_rows, row, &o->trigger, text, state);
  o->moving.session.trigger = &o->trigger;
  return 0;
}

static const struct argp trigger_argp = {trigger_arguments, parse_trigger, NULL, NULL, NULL, NULL, NULL};

static void add_trigger_rows(run_options_t *o) {
  const eplb_option_t *row;
  struct argp_option *next = trigger_arguments + 1;
  o->trigger_rows.first_key = KEY_TRIGGER;
  for (int i = 0; (row = eplb_option_describe(i)); i++)
    if (!strcmp(row->structure, "trigger"))
      *next++ = option_rows_add(&o->trigger_rows, row, &o->trigger, GROUP_TRIGGER);
  *next++ = option_rows_former(former, KEY_FORMER);
  *next = (struct argp_option){0};
}

/* A planner that cannot use the payback leaves it to the trigger. */
static void finish_run_options(run_options_t *o, const struct argp_state *state) {
  eplb_session_options_t *session = &o->moving.session;
  o->planner.payback.expert_bytes = (double)o->moving.expert_bytes;
  planner_options_finish(&o->planner, state);
  eplb_plan_options_t *plan = &o->planner.plan;
  session->plan = plan;
  if (!session->trigger)
    return;
  if (!plan->payback)
    tool_usage_error(
        state, "--hysteresis and --min-windows need the time that balance saves; expected --seconds-per-load, too");
  o->trigger.payback = &o->planner.payback;
  if (plan->planner != EPLB_PLANNER_AUTO && !eplb_planner_uses(plan->planner, EPLB_USES_PAYBACK))
    plan->payback = NULL;
}

/* ---- all of them ---- */

static error_t parse_run_option(int key, char *text, struct argp_state *state) {
  run_options_t *o = state->input;
  switch (key) {
  case KEY_INJECT:
    parse_inject(state, text, o);
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->job;
    state->child_inputs[1] = &o->moving;
    state->child_inputs[2] = &o->planner;
    state->child_inputs[3] = o;
    return 0;
  case ARGP_KEY_SUCCESS:
    finish_run_options(o, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

void run_parse(int argc, char **argv, run_options_t *options) {
  static const struct argp_child children[] = {{&job_argp, 0, NULL, 0},
                                               {&moving_argp, 0, NULL, 0},
                                               {&planner_argp, 0, NULL, 0},
                                               {&trigger_argp, 0, NULL, 0},
                                               {0}};
  static const struct argp argp = {
      arguments,
      parse_run_option,
      NULL,
      "Under mpirun: detect the machine and fill buffers with weights. In each round count tokens, plan, "
      "broadcast the mapping, migrate the weights, and check every byte of every slot."
      "\vExample: mpirun -n 8 eplb run --loads loads.csv --num-groups 8 --nodes 2\n"
      "No GPU is needed: the weights are in host memory.",
      children,
      NULL,
      NULL};
  *options = (run_options_t){.moving.expert_bytes = 65536, .inject_step = -1};
  eplb_generate_options_init(&options->job.generate);
  eplb_session_options_init(&options->moving.session);
  planner_options_init(&options->planner);
  eplb_trigger_init(&options->trigger);
  options->moving.session.verify = EPLB_VERIFY_ALWAYS;
  moving_options_init(&options->moving);
  add_trigger_rows(options);
  tool_parse(&argp, argc, argv, options);
}
