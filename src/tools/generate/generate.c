/* eplb generate: made-up loads. */
#include "core/model/synthetic.h"
#include "core/util/count.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include <argp.h>
#include <eplb/eplb.h>
#include <stdio.h>
#include <string.h>

enum {
  KEY_WINDOWS = 256,
  KEY_LAYERS,
  KEY_EXPERTS,
  KEY_SPREAD,
  KEY_PARAMETER,
  KEY_DRIFT,
  KEY_DOMAINS,
  KEY_TOKENS,
  KEY_SEED
};

static const struct argp_option arguments[] = {
    {"windows", KEY_WINDOWS, "N", 0, "number of consecutive windows (8)", 0},
    {"layers", KEY_LAYERS, "N", 0, "MoE layers (8)", 0},
    {"experts", KEY_EXPERTS, "N", 0, "logical experts per layer (64)", 0},
    {"distribution", KEY_SPREAD, "NAME", 0, "lognormal, zipf or uniform (lognormal)", 0},
    {"parameter", KEY_PARAMETER, "X", 0, "parameter of the distribution: sigma or exponent, 0 to 16 (1)", 0},
    {"drift", KEY_DRIFT, "SHARE", 0, "part of the popularity that changes in each window, 0 to 1 (0.1)", 0},
    {"domains", KEY_DOMAINS, "N", 0,
     "mix N domains of traffic, each with its own popular experts; drift changes the mixture (0: no domains)", 0},
    {"tokens", KEY_TOKENS, "N", 0, "mean tokens per expert and window (10000)", 0},
    {"seed", KEY_SEED, "N", 0, "the same seed gives the same loads (1)", 0},
    {"output", 'o', "FILE", 0, "write to FILE (default: standard output)", 0},
    {0}};

typedef struct generate {
  eplb_generate_options_t options;
  const char *output;
} generate_t;

static eplb_spread_t parse_spread(const struct argp_state *state, const char *text) {
  static const char *const names[] = {"lognormal", "zipf", "uniform"};
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, names[i]))
      return (eplb_spread_t)i;
  tool_usage_error(state, "--distribution is \"%s\"; expected lognormal, zipf or uniform", text);
  return EPLB_SPREAD_LOGNORMAL;
}

static error_t parse_generate_option(int key, char *text, struct argp_state *state) {
  generate_t *g = state->input;
  eplb_generate_options_t *o = &g->options;
  switch (key) {
  case KEY_WINDOWS:
    o->num_windows = (int)tool_integer(state, "windows", text, 1, 1 << 24);
    return 0;
  case KEY_LAYERS:
    o->num_layers = (int)tool_integer(state, "layers", text, 1, 1 << 20);
    return 0;
  case KEY_EXPERTS:
    o->num_experts = (int)tool_integer(state, "experts", text, 1, 1 << 20);
    return 0;
  case KEY_SPREAD:
    o->spread = parse_spread(state, text);
    return 0;
  case KEY_PARAMETER:
    o->parameter = tool_real(state, "parameter", text, 0, 16);
    return 0;
  case KEY_DRIFT:
    o->drift = tool_real(state, "drift", text, 0, 1);
    return 0;
  case KEY_DOMAINS:
    o->num_domains = (int)tool_integer(state, "domains", text, 0, 64);
    return 0;
  case KEY_TOKENS:
    o->tokens = tool_real(state, "tokens", text, 1, 0x1p40);
    return 0;
  case KEY_SEED:
    o->seed = (uint64_t)tool_integer(state, "seed", text, 0, INT64_MAX);
    return 0;
  case 'o':
    g->output = text;
    return 0;
  case ARGP_KEY_ARG:
    tool_usage_error(state, "\"%s\" is not an option; expected -o %s?", text, text);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int command_generate(int argc, char **argv) {
  static const struct argp argp = {
      arguments,
      parse_generate_option,
      NULL,
      "Make synthetic loads as CSV; a row has window, layer and the tokens of each expert.\vExample: eplb "
      "generate --layers 58 --experts 256 -o loads.csv",
      NULL,
      NULL,
      NULL};
  generate_t g = {.output = "-"};
  eplb_generate_options_init(&g.options);
  tool_parse(&argp, argc, argv, &g);
  eplb_loads_t *loads = NULL;
  char shown[HUMAN_TEXT_MAX];
  eplb_status_t status = eplb_loads_generate(&g.options, &loads);
  if (!status)
    status = eplb_loads_write(g.output, loads);
  if (!status && strcmp(g.output, "-"))
    printf("%s: %s of %s x %s\n", human_text(g.output, shown), eplb_count(loads->num_windows, "window"),
           eplb_count(loads->num_layers, "layer"), eplb_count(loads->num_experts, "expert"));
  eplb_loads_destroy(&loads);
  return status ? tool_report(status) : TOOL_GOOD;
}
