#include "tools/common/planner_options.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include <eplb/formats.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_GROUPS = 1024,
  KEY_POLICY,
  KEY_PLANNER,
  KEY_EFFORT,
  KEY_SPILL,
  KEY_BALANCE,
  KEY_BUDGET,
  KEY_NODE_COST,
  KEY_MOVE_PRICE,
  KEY_TOKEN_TIME,
  KEY_SERVE,
  KEY_BANDWIDTH
};

static const struct argp_option arguments[] = {
    {NULL, 0, NULL, 0, "The planner:", 10},
    {"groups", KEY_GROUPS, "K", 0, "groups of consecutive experts, as group-limited routing has them (1)", 10},
    {"policy", KEY_POLICY, "NAME", 0, "auto, hierarchical or global (auto)", 10},
    {"planner", KEY_PLANNER, "NAME", 0, "default, reference, scenario or linked (default)", 10},
    {"effort", KEY_EFFORT, "NAME", 0, "fast, default or best (default)", 10},
    {"spill", KEY_SPILL, "BALANCE", 0, "hierarchical: let replicas leave their group's node until this is reached", 10},
    {NULL, 0, NULL, 0, "Where there is a placement already:", 11},
    {"balance", KEY_BALANCE, "BALANCE", 0, "good enough, so that nothing more need move (0.99)", 11},
    {"budget", KEY_BUDGET, "MOVES", 0, "replicas that may move in each layer (no limit)", 11},
    {"node-cost", KEY_NODE_COST, "X", 0, "price of a move into another node, in moves within one (4)", 11},
    {"move-price", KEY_MOVE_PRICE, "X", 0,
     "scenario and linked: what a move must gain; more for fewer moves (0.003 and 0.01)", 11},
    {"token-time", KEY_TOKEN_TIME, "US", 0,
     "microseconds that a GPU takes for one token of one expert; with --expert-bytes, only what pays moves", 11},
    {"serve", KEY_SERVE, "WINDOWS", 0, "how many windows the new placement will serve (1)", 11},
    {"bandwidth", KEY_BANDWIDTH, "NODE,NET|FILE", 0,
     "of a GPU within a node and across, in GB/s (100,25), or as eplb topo --measure --save FILE found it", 11},
    {0}};

static void parse_bandwidth(const struct argp_state *state, const char *text, eplb_payback_t *payback) {
  char *end;
  if (!strchr("0123456789.-", text[0])) {
    if (eplb_links_read_json(text, payback))
      tool_usage_error(state, "--bandwidth: %s", eplb_last_error());
    return;
  }
  double node = strtod(text, &end), network = *end == ',' ? strtod(end + 1, &end) : 0;
  if (*end || !(node > 0 && node < 1e6 && network > 0 && network < 1e6))
    tool_usage_error(state, "--bandwidth is \"%s\"; expected two numbers of GB/s, such as 100,25", text);
  payback->bytes_per_second[EPLB_LINK_NODE] = node * 1e9;
  payback->bytes_per_second[EPLB_LINK_NETWORK] = network * 1e9;
}

static void parse_name(int key, const char *text, const struct argp_state *state, eplb_plan_options_t *plan) {
  eplb_status_t status = key == KEY_POLICY    ? eplb_policy_parse(text, &plan->policy)
                         : key == KEY_PLANNER ? eplb_planner_parse(text, &plan->planner)
                                              : eplb_effort_parse(text, &plan->effort);
  if (status)
    tool_usage_error(state, "%s", eplb_last_error());
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  planner_options_t *o = state->input;
  switch (key) {
  case KEY_GROUPS:
    o->plan.num_groups = (int)tool_integer(state, "groups", text, 1, 1 << 30);
    return 0;
  case KEY_POLICY:
  case KEY_PLANNER:
  case KEY_EFFORT:
    parse_name(key, text, state, &o->plan);
    return 0;
  case KEY_SPILL:
    o->plan.spill = tool_real(state, "spill", text, 0, .99999);
    return 0;
  case KEY_BALANCE:
    o->plan.balance = tool_real(state, "balance", text, .00001, .99999);
    return 0;
  case KEY_BUDGET:
    o->plan.max_moves = (int)tool_integer(state, "budget", text, 0, INT32_MAX);
    return 0;
  case KEY_NODE_COST:
    o->plan.node_cost = tool_real(state, "node-cost", text, 1, 1e6);
    return 0;
  case KEY_MOVE_PRICE:
    o->plan.move_price = tool_real(state, "move-price", text, 0, 1e6);
    return 0;
  case KEY_TOKEN_TIME:
    o->payback.seconds_per_load = tool_real(state, "token-time", text, 1e-9, 1e9) * 1e-6;
    return 0;
  case KEY_SERVE:
    o->payback.windows = tool_real(state, "serve", text, 1e-6, 1e12);
    return 0;
  case KEY_BANDWIDTH:
    parse_bandwidth(state, text, &o->payback);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

const struct argp planner_argp = {arguments, parse_option, NULL, NULL, NULL, NULL, NULL};

void planner_options_init(planner_options_t *options) {
  *options = (planner_options_t){0};
  eplb_plan_options_init(&options->plan);
  eplb_payback_init(&options->payback);
}

void planner_options_finish(planner_options_t *options, const struct argp_state *state) {
  if (!(options->payback.seconds_per_load > 0))
    return;
  if (!(options->payback.expert_bytes > 0))
    tool_usage_error(
        state, "--token-time tells what balance is worth, but not what moving costs; expected --expert-bytes, too");
  options->plan.payback = &options->payback;
}
