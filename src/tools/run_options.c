#include "tools/commands.h"
#include "tools/human.h"
#include "tools/run.h"
#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_EXPERT_BYTES = 256,
  KEY_SLOTS,
  KEY_NODES,
  KEY_ROUNDS,
  KEY_LAYERS,
  KEY_EXPERTS,
  KEY_SEED,
  KEY_STAGING,
  KEY_CHUNK,
  KEY_IN_PLACE,
  KEY_PAYS,
  KEY_VERIFY,
  KEY_JSON,
  KEY_INJECT,
  KEY_LOADS
};

static const struct argp_option arguments[] = {
    {"loads", KEY_LOADS, "FILE", 0, "recorded loads, CSV; window after window is one round (default: made up)", 0},
    {"layers", KEY_LAYERS, "N", 0, "layers of made-up loads (8)", 0},
    {"experts", KEY_EXPERTS, "N", 0, "experts per layer of made-up loads (64)", 0},
    {"seed", KEY_SEED, "N", 0, "seed of made-up loads (1)", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "rebalances (default: one per window, at most 8)", 0},
    {"expert-bytes", KEY_EXPERT_BYTES, "BYTES", 0, "weights of one expert of one layer (64K)", 0},
    {"slots", KEY_SLOTS, "P", 0,
     "physical experts per layer in all, rounded up to a multiple of the ranks (default: an eighth more than experts)",
     0},
    {"nodes", KEY_NODES, "N", 0, "pretend that the ranks are on N nodes (default: what is detected)", 0},
    {"staging", KEY_STAGING, "BYTES", 0, "most that a rank may use for incoming experts (default: one layer's slots)",
     0},
    {"chunk", KEY_CHUNK, "BYTES", 0, "longest message (4M)", 0},
    {"in-place", KEY_IN_PLACE, NULL, 0, "write slots that nobody reads any more without staging", 0},
    {"when-it-pays", KEY_PAYS, "X", OPTION_ARG_OPTIONAL,
     "rebalance only when it saves X times what moving takes (1.5), and say why; needs --token-time", 0},
    {"verify", KEY_VERIFY, "WHEN", 0, "checksums travel with the weights: first, always or never (always)", 0},
    {"inject", KEY_INJECT, "STEP@RANK", 0,
     "let a step fail on a rank: create, reduce, plan, broadcast, derive, stage, send, receive, arrive; or flip a bit "
     "of what it receives: damage",
     0},
    {"json", KEY_JSON, NULL, 0, "a line of JSON for the start, each round and the end", 0},
    {0}};

static int parse_verify(const struct argp_state *state, const char *text) {
  static const char *const names[] = {"first", "always", "never"};
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, names[i]))
      return i;
  argp_error(state, "--verify is \"%s\"; expected first, always or never", text);
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
        argp_error(state, "--inject is \"%s\"; only rank 0 plans: expected plan@0", text);
      return;
    }
  argp_error(state, "--inject is \"%s\"; expected a step and a rank, such as receive@1", text);
}

/* How the session moves weights. */
static error_t parse_moving(int key, char *text, struct argp_state *state) {
  run_options_t *o = state->input;
  switch (key) {
  case KEY_STAGING:
    o->session.staging_bytes = (size_t)tool_bytes(state, "staging", text, 1, INT64_C(1) << 60);
    return 0;
  case KEY_CHUNK:
    o->session.chunk_bytes = (size_t)tool_bytes(state, "chunk", text, 1, 1 << 30);
    return 0;
  case KEY_IN_PLACE:
    o->session.mode = EPLB_MODE_IN_PLACE;
    return 0;
  case KEY_PAYS:
    if (text)
      o->trigger.hysteresis = tool_real(state, "when-it-pays", text, 1, 1e6);
    o->session.trigger = &o->trigger;
    return 0;
  case KEY_VERIFY:
    o->session.verify = (eplb_verify_t)parse_verify(state, text);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  run_options_t *o = state->input;
  switch (key) {
  case KEY_LOADS:
    o->loads = text;
    return 0;
  case KEY_LAYERS:
    o->generate.num_layers = (int)tool_integer(state, "layers", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERTS:
    o->generate.num_experts = (int)tool_integer(state, "experts", text, 1, 1 << 20);
    return 0;
  case KEY_SEED:
    o->generate.seed = (uint64_t)tool_integer(state, "seed", text, 0, INT64_MAX);
    return 0;
  case KEY_ROUNDS:
    o->rounds = (int)tool_integer(state, "rounds", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERT_BYTES:
    o->expert_bytes = tool_bytes(state, "expert-bytes", text, 0, INT64_C(1) << 40);
    return 0;
  case KEY_SLOTS:
    o->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_NODES:
    o->nodes = (int)tool_integer(state, "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_INJECT:
    parse_inject(state, text, o);
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->planner;
    return 0;
  case ARGP_KEY_SUCCESS:
    o->planner.payback.expert_bytes = (double)o->expert_bytes;
    planner_options_finish(&o->planner, state);
    o->session.plan = o->planner.plan;
    if (o->session.trigger && !o->session.plan.payback)
      argp_error(state, "--when-it-pays, but nothing tells what balance is worth; expected --token-time, too");
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "\"%s\" is no option; expected --loads %s?", text, text);
    return 0;
  default:
    return parse_moving(key, text, state);
  }
}

void run_parse(int argc, char **argv, run_options_t *options) {
  static const struct argp_child children[] = {{&planner_argp, 0, NULL, 0}, {0}};
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
  *options = (run_options_t){.expert_bytes = 65536, .inject_step = -1};
  eplb_generate_options_init(&options->generate);
  eplb_session_options_init(&options->session);
  planner_options_init(&options->planner);
  eplb_trigger_init(&options->trigger);
  options->session.verify = EPLB_VERIFY_ALWAYS;
  tool_parse(&argp, argc, argv, options);
}
