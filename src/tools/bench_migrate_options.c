#include "tools/bench_migrate.h"
#include "tools/commands.h"
#include "tools/human.h"
#include <argp.h>

enum {
  KEY_LOADS = 256,
  KEY_LAYERS,
  KEY_EXPERTS,
  KEY_SLOTS,
  KEY_BYTES,
  KEY_NODES,
  KEY_ROUNDS,
  KEY_STAGING,
  KEY_CHUNK,
  KEY_FIXED,
  KEY_IN_PLACE,
  KEY_PRIVATE,
  KEY_JSON
};

static const struct argp_option arguments[] = {
    {"loads", KEY_LOADS, "FILE", 0, "recorded loads: from window to window", 0},
    {"layers", KEY_LAYERS, "N", 0, "layers of made-up loads (1)", 0},
    {"experts", KEY_EXPERTS, "N", 0, "experts of made-up loads (256)", 0},
    {"slots", KEY_SLOTS, "P", 0, "physical experts per layer in all (an eighth more than experts)", 0},
    {"expert-bytes", KEY_BYTES, "BYTES", 0, "weights of one expert (1M)", 0},
    {"nodes", KEY_NODES, "N", 0, "pretend that the ranks are on N nodes", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "migrations, after two to warm up (3)", 0},
    {"staging", KEY_STAGING, "BYTES", 0, "most that a rank may use for incoming experts", 0},
    {"chunk", KEY_CHUNK, "BYTES", 0, "longest message (4M)", 0},
    {"fixed", KEY_FIXED, NULL, 0, "slots have fixed addresses: a commit copies (else: it exchanges pointers in tables)",
     0},
    {"private", KEY_PRIVATE, NULL, 0, "weights in each rank's own memory (else: in memory that a node's ranks share)",
     0},
    {"in-place", KEY_IN_PLACE, NULL, 0, "write slots that nobody reads any more without staging", 0},
    {"json", KEY_JSON, NULL, 0, "a line of JSON for each round", 0},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state) {
  migrate_options_t *b = state->input;
  switch (key) {
  case KEY_LOADS:
    b->loads = text;
    return 0;
  case KEY_LAYERS:
    b->layers = (int)tool_integer(state, "layers", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERTS:
    b->experts = (int)tool_integer(state, "experts", text, 1, 1 << 20);
    return 0;
  case KEY_SLOTS:
    b->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_BYTES:
    b->expert_bytes = tool_bytes(state, "expert-bytes", text, 1, INT64_C(1) << 40);
    return 0;
  case KEY_NODES:
    b->nodes = (int)tool_integer(state, "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_ROUNDS:
    b->rounds = (int)tool_integer(state, "rounds", text, 1, 1 << 20);
    return 0;
  case KEY_STAGING:
    b->session.staging_bytes = (size_t)tool_bytes(state, "staging", text, 1, INT64_C(1) << 60);
    return 0;
  case KEY_CHUNK:
    b->session.chunk_bytes = (size_t)tool_bytes(state, "chunk", text, 1, 1 << 30);
    return 0;
  case KEY_FIXED:
    b->fixed = 1;
    return 0;
  case KEY_PRIVATE:
    b->private = 1;
    return 0;
  case KEY_IN_PLACE:
    b->session.mode = EPLB_MODE_IN_PLACE;
    return 0;
  case KEY_JSON:
    b->json = 1;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

void migrate_parse(int argc, char **argv, migrate_options_t *options) {
  static const struct argp argp = {
      arguments,
      parse_option,
      NULL,
      "Under mpirun: migrate from plan to plan of the reference planner, and do the same in other "
      "ways right after it.\vExample: mpirun -n 8 eplb bench migrate --expert-bytes 8M",
      NULL,
      NULL,
      NULL};
  *options = (migrate_options_t){.layers = 1, .experts = 256, .expert_bytes = 1 << 20, .rounds = 3};
  eplb_session_options_init(&options->session);
  options->session.plan.planner = EPLB_PLANNER_REFERENCE;
  options->session.plan.policy = EPLB_POLICY_GLOBAL;
  options->session.verify = EPLB_VERIFY_NEVER;
  tool_parse(&argp, argc, argv, options);
}
