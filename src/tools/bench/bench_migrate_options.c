/* Options of `eplb bench migrate`. */
#include "core/model/synthetic.h"
#include "tools/bench/bench_migrate.h"
#include "tools/common/commands.h"
#include <argp.h>

enum { KEY_FIXED = 256, KEY_PRIVATE, KEY_LINK_RATE };

static const struct argp_option arguments[] = {
    {"fixed", KEY_FIXED, NULL, 0,
     "slots have fixed addresses, so a commit copies weights (default: a commit exchanges pointers in tables)", 0},
    {"private", KEY_PRIVATE, NULL, 0,
     "weights in private memory of each rank (default: in memory that the ranks of a node share)", 0},
    {"link-rate", KEY_LINK_RATE, "GB/S", 0,
     "bandwidth of a node's link, for the bound (default: measured before the rounds, too low if the link is busy; "
     "with --nodes the bound is memcpy's time)",
     0},
    {0}};

static error_t parse_migrate_option(int key, char *text, struct argp_state *state) {
  migrate_options_t *o = state->input;
  switch (key) {
  case KEY_FIXED:
    o->fixed = 1;
    return 0;
  case KEY_PRIVATE:
    o->private = 1;
    return 0;
  case KEY_LINK_RATE:
    o->link_rate = tool_real(state, "link-rate", text, 1e-12, 1e12) * 1e9;
    return 0;
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->job;
    state->child_inputs[1] = &o->moving;
    return 0;
  case ARGP_KEY_SUCCESS:
    if (o->moving.expert_bytes < 1)
      tool_usage_error(state, "--expert-bytes is 0; expected 1 or more");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

void migrate_parse(int argc, char **argv, migrate_options_t *options) {
  static const struct argp_child children[] = {{&job_argp, 0, NULL, 0}, {&moving_argp, 0, NULL, 0}, {0}};
  static const struct argp argp = {
      arguments,
      parse_migrate_option,
      NULL,
      "Under mpirun: migrate from one plan of the deepseek planner to the next, and repeat each migration with the "
      "methods that it is compared to.\vExample: mpirun -n 8 eplb bench migrate --expert-bytes 8M",
      children,
      NULL,
      NULL};
  *options = (migrate_options_t){.job.rounds = 3, .moving.expert_bytes = 1 << 20};
  eplb_generate_options_init(&options->job.generate);
  options->job.generate.num_layers = 1, options->job.generate.num_experts = 256, options->job.generate.drift = 1;
  eplb_session_options_init(&options->moving.session);
  eplb_plan_options_init(&options->plan);
  options->plan.planner = EPLB_PLANNER_DEEPSEEK;
  options->plan.policy = EPLB_POLICY_GLOBAL;
  options->moving.session.plan = &options->plan;
  options->moving.session.verify = EPLB_VERIFY_NEVER;
  moving_options_init(&options->moving);
  tool_parse(&argp, argc, argv, options);
}
