/* Options of commands that run under mpirun: the loads, the machine, and how weights move. */
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include "tools/common/job.h"
#include "tools/common/recording_options.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  KEY_LOADS = 2048,
  KEY_LAYERS,
  KEY_EXPERTS,
  KEY_SEED,
  KEY_SLOTS,
  KEY_NODES,
  KEY_NODE_LEVEL,
  KEY_ROUNDS,
  KEY_JSON,
  KEY_EXPERT_BYTES,
  KEY_ROWS = 2176,
  KEY_FORMER = 2240
};

static const struct argp_option job_arguments[] = {
    {"loads", KEY_LOADS, "FILE", 0,
     "recorded loads: " RECORDING_FORMS "; each window is one round (default: synthetic)", 0},
    {"layers", KEY_LAYERS, "N", 0, "layers of synthetic loads", 0},
    {"experts", KEY_EXPERTS, "N", 0, "experts per layer of synthetic loads", 0},
    {"seed", KEY_SEED, "N", 0, "seed of synthetic loads (1)", 0},
    {"slots", KEY_SLOTS, "P", 0,
     "total of physical experts per layer, rounded up to a multiple of the ranks (default: an eighth more than "
     "experts)",
     0},
    {"nodes", KEY_NODES, "N", 0, "plan as if the ranks were on N nodes (default: the detected nodes)", 0},
    {"node-level", KEY_NODE_LEVEL, "NAME", 0,
     "level of the machine that planners take as the node, or EPLB_NODE_LEVEL=NAME; eplb topo shows the levels", 0},
    {"rounds", KEY_ROUNDS, "N", 0, "number of rounds", 0},
    {"json", KEY_JSON, NULL, 0, "lines of JSON instead of tables", 0},
    {0}};

static void refuse_synthetic(const job_options_t *o, const struct argp_state *state) {
  if (o->loads && o->synthetic)
    tool_usage_error(state, "--%s is of synthetic loads; expected it without --loads", o->synthetic);
}

static error_t parse_job(int key, char *text, struct argp_state *state) {
  job_options_t *o = state->input;
  switch (key) {
  case KEY_LOADS:
    o->loads = text;
    return 0;
  case KEY_LAYERS:
    o->generate.num_layers = (int)tool_integer(state, o->synthetic = "layers", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERTS:
    o->generate.num_experts = (int)tool_integer(state, o->synthetic = "experts", text, 1, 1 << 20);
    return 0;
  case KEY_SEED:
    o->generate.seed = (uint64_t)tool_integer(state, o->synthetic = "seed", text, 0, INT64_MAX);
    return 0;
  case KEY_SLOTS:
    o->slots = (int)tool_integer(state, "slots", text, 1, 1 << 30);
    return 0;
  case KEY_NODES:
    o->nodes = (int)tool_integer(state, "nodes", text, 1, 1 << 20);
    return 0;
  case KEY_NODE_LEVEL:
    setenv("EPLB_NODE_LEVEL", text, 1);
    return 0;
  case KEY_ROUNDS:
    o->rounds = (int)tool_integer(state, "rounds", text, 1, 1 << 20);
    return 0;
  case KEY_JSON:
    o->json = 1;
    return 0;
  case ARGP_KEY_ARG:
    tool_usage_error(state, "\"%s\" is not an option; expected --loads %s?", text, text);
    return 0;
  case ARGP_KEY_END:
    refuse_synthetic(o, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* The text with the default behind it, as argp wants it: allocated, or what it was. */
static char *with_default(const char *text, const char *value) {
  char *all = NULL;
  return asprintf(&all, "%s (%s)", text, value) < 0 ? (char *)text : all;
}

static char *show_job_default(int key, const char *text, void *input) {
  const job_options_t *o = input;
  char number[24];
  if (!o || (key != KEY_LAYERS && key != KEY_EXPERTS && key != KEY_ROUNDS))
    return (char *)text;
  int value = key == KEY_LAYERS ? o->generate.num_layers : key == KEY_EXPERTS ? o->generate.num_experts : o->rounds;
  snprintf(number, sizeof number, "%d", value);
  return with_default(text, value ? number : "default: one per window, at most 8");
}

const struct argp job_argp = {job_arguments, parse_job, NULL, NULL, NULL, show_job_default, NULL};

/* ---- moving ---- */

static const former_option_t former[] = {
    {"staging", "staging-bytes"}, {"chunk", "chunk-bytes"}, {"in-place", "mode in-place"}};
enum { NUM_FORMER = sizeof former / sizeof *former };

/* moving_options_init adds the rows. */
static struct argp_option moving_arguments[1 + OPTION_ROWS_MAX + NUM_FORMER + 1] = {
    {"expert-bytes", KEY_EXPERT_BYTES, "BYTES", 0, "weights of one expert of one layer", 0}};

static error_t parse_moving(int key, char *text, struct argp_state *state) {
  moving_options_t *o = state->input;
  const eplb_option_t *row = option_rows_find(&o->rows, key);
  if (row) {
    option_rows_set(&o->rows, row, &o->session, text, state);
    return 0;
  }
  if (key >= KEY_FORMER && key < KEY_FORMER + NUM_FORMER) {
    option_rows_refuse_former(&former[key - KEY_FORMER], state);
    return 0;
  }
  if (key != KEY_EXPERT_BYTES)
    return ARGP_ERR_UNKNOWN;
  o->expert_bytes = tool_bytes(state, "expert-bytes", text, 0, INT64_C(1) << 40);
  return 0;
}

void moving_options_init(moving_options_t *options) {
  const eplb_option_t *row;
  struct argp_option *next = moving_arguments + 1;
  options->rows.first_key = KEY_ROWS;
  for (int i = 0; (row = eplb_session_option_describe(i)); i++)
    if (row->type != EPLB_OPTION_TEXT) /* --node-level is also for detection: it is above */
      *next++ = option_rows_add(&options->rows, row, &options->session, 0);
  for (int i = 0; i < NUM_FORMER; i++)
    *next++ = option_rows_former(&former[i], KEY_FORMER + i);
  *next = (struct argp_option){0};
}

/* As it would be given. */
static char *show_moving_default(int key, const char *text, void *input) {
  const moving_options_t *o = input;
  char number[24];
  if (!o || key != KEY_EXPERT_BYTES)
    return (char *)text;
  if (o->expert_bytes % (1 << 20))
    snprintf(number, sizeof number, "%lldK", (long long)(o->expert_bytes >> 10));
  else
    snprintf(number, sizeof number, "%lldM", (long long)(o->expert_bytes >> 20));
  return with_default(text, number);
}

const struct argp moving_argp = {moving_arguments, parse_moving, NULL, NULL, NULL, show_moving_default, NULL};
