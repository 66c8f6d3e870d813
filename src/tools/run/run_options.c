#include "tools/common/commands.h"
#include "tools/run/run.h"
#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PAYS = 256, KEY_VERIFY, KEY_INJECT };

static const struct argp_option arguments[] = {
    {"when-it-pays", KEY_PAYS, "X", OPTION_ARG_OPTIONAL,
     "rebalance only when it saves X times what moving takes (1.5), and say why; needs --token-time", 0},
    {"verify", KEY_VERIFY, "WHEN", 0,
     "checksums of whole experts: first, always or never (always); samples are compared each time", 0},
    {"inject", KEY_INJECT, "STEP@RANK", 0,
     "let a step fail on a rank: create, reduce, plan, broadcast, derive, stage, send, receive, arrive; or flip a bit "
     "of what it receives: damage",
     0},
    {0}};

static int parse_verify(const struct argp_state *state, const char *text) {
  static const char *const names[] = {"first", "always", "never"};
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, names[i]))
      return i;
  tool_usage_error(state, "--verify is \"%s\"; expected first, always or never", text);
  return 0;
}

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

static error_t parse_option(int key, char *text, struct argp_state *state) {
  run_options_t *o = state->input;
  eplb_session_options_t *session = &o->moving.session;
  switch (key) {
  case KEY_PAYS:
    if (text)
      o->trigger.hysteresis = tool_real(state, "when-it-pays", text, 1, 1e6);
    session->trigger = &o->trigger;
    return 0;
  case KEY_VERIFY:
    session->verify = (eplb_verify_t)parse_verify(state, text);
    return 0;
  case KEY_INJECT:
    parse_inject(state, text, o);
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->job;
    state->child_inputs[1] = &o->moving;
    state->child_inputs[2] = &o->planner;
    return 0;
  case ARGP_KEY_SUCCESS:
    o->planner.payback.expert_bytes = (double)o->moving.expert_bytes;
    planner_options_finish(&o->planner, state);
    session->plan = o->planner.plan;
    if (session->trigger && !session->plan.payback)
      tool_usage_error(state, "--when-it-pays, but nothing tells what balance is worth; expected --token-time, too");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

void run_parse(int argc, char **argv, run_options_t *options) {
  static const struct argp_child children[] = {
      {&job_argp, 0, NULL, 0}, {&moving_argp, 0, NULL, 0}, {&planner_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_option,
      NULL,
      "Under mpirun: detect the machine, fill real buffers with weights, and round after round count tokens, plan on "
      "rank 0, "
      "broadcast the mapping and migrate the weights; then check every byte of every slot."
      "\vExample: mpirun -n 8 eplb run --loads loads.csv --groups 8 --nodes 2\n"
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
  tool_parse(&argp, argc, argv, options);
}
