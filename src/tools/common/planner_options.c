/* Planner options for all commands that plan, from the option tables, and checks that every given option is used. */
#include "tools/common/planner_options.h"
#include "core/plan/planner_row.h"
#include "core/util/option_table.h"
#include "tools/common/commands.h"
#include "tools/common/human.h"
#include <eplb/formats.h>
#include <string.h>

enum { KEY_ROWS = 1024, KEY_FORMER = 1088, KEY_BANDWIDTH = 1120, GROUP_PLANNER = 10, GROUP_CURRENT = 11 };

static const former_option_t former[] = {{"groups", "num-groups"},
                                         {"budget", "max-moves"},
                                         {"move-price", "move-cost"},
                                         {"serve", "horizon"},
                                         {"token-time", "seconds-per-load"}};
enum { NUM_FORMER = sizeof former / sizeof *former };

/* Headings, rows, --bandwidth, former names and the end; planner_options_init fills it. */
static struct argp_option arguments[OPTION_ROWS_MAX + NUM_FORMER + 4] = {{0}};

static void parse_bandwidth(const struct argp_state *state, const char *path, eplb_payback_t *payback) {
  if (strspn(path, "0123456789.,") == strlen(path))
    tool_usage_error(state,
                     "--bandwidth is \"%s\"; expected a file of eplb topo --measure --save; numbers go to "
                     "--node-bandwidth and --network-bandwidth",
                     path);
  if (eplb_links_read_json(path, payback))
    tool_usage_error(state, "--bandwidth: %s", eplb_last_error());
}

static void *structure_of(planner_options_t *o, const eplb_option_t *row) {
  return strcmp(row->structure, "payback") ? (void *)&o->plan : (void *)&o->payback;
}

static error_t parse_planner(int key, char *text, struct argp_state *state) {
  planner_options_t *o = state->input;
  const eplb_option_t *row = option_rows_find(&o->rows, key);
  if (row) {
    option_rows_set(&o->rows, row, structure_of(o, row), text, state);
    return 0;
  }
  if (key == KEY_BANDWIDTH) {
    parse_bandwidth(state, text, &o->payback);
    o->has_bandwidth = 1;
    return 0;
  }
  if (key >= KEY_FORMER && key < KEY_FORMER + NUM_FORMER) {
    option_rows_refuse_former(&former[key - KEY_FORMER], state);
    return 0;
  }
  return ARGP_ERR_UNKNOWN;
}

const struct argp planner_argp = {arguments, parse_planner, NULL, NULL, NULL, NULL, NULL};

/* The bytes of an expert are an option of their own of each command, which also says what moves. */
static int is_argument(const eplb_option_t *row) {
  return !strcmp(row->structure, "plan") || (!strcmp(row->structure, "payback") && strcmp(row->name, "expert_bytes"));
}

void planner_options_init(planner_options_t *options) {
  const eplb_option_t *row;
  struct argp_option *next = arguments;
  *options = (planner_options_t){.rows.first_key = KEY_ROWS};
  eplb_plan_options_init(&options->plan);
  eplb_payback_init(&options->payback);
  *next++ = (struct argp_option){.doc = "The planner:", .group = GROUP_PLANNER};
  *next++ = (struct argp_option){.doc = "With a current placement:", .group = GROUP_CURRENT};
  for (int i = 0; (row = eplb_option_describe(i)); i++)
    if (is_argument(row))
      *next++ = option_rows_add(&options->rows, row, structure_of(options, row),
                                row->needs_current ? GROUP_CURRENT : GROUP_PLANNER);
  *next++ = (struct argp_option){
      "bandwidth",  KEY_BANDWIDTH, "FILE", 0, "both bandwidths from a FILE of eplb topo --measure --save",
      GROUP_CURRENT};
  for (int i = 0; i < NUM_FORMER; i++)
    *next++ = option_rows_former(&former[i], KEY_FORMER + i);
  *next = (struct argp_option){0};
}

void planner_options_hide_planner(void) {
  for (struct argp_option *a = arguments; a->name || a->doc; a++)
    if (a->name && !strcmp(a->name, "planner"))
      a->flags |= OPTION_HIDDEN;
}

/* A part of the payback that was given, into label[OPTION_ROWS_TEXT]; or NULL. */
static const char *find_payback(const planner_options_t *o, char *label) {
  for (int i = 0; i < o->rows.count; i++)
    if (o->rows.given >> i & 1 && !strcmp(o->rows.row[i]->structure, "payback"))
      return option_rows_label(o->rows.row[i], label);
  return o->has_bandwidth ? "--bandwidth" : NULL;
}

void planner_options_finish(planner_options_t *options, const struct argp_state *state) {
  char label[OPTION_ROWS_TEXT];
  const char *part = find_payback(options, label);
  if (!(options->payback.seconds_per_load > 0)) {
    if (part)
      tool_usage_error(state, "%s applies only where moves must pay; expected --seconds-per-load, too", part);
    return;
  }
  if (!(options->payback.expert_bytes > 0))
    tool_usage_error(
        state, "--seconds-per-load says what balance saves, but not what moves cost; expected --expert-bytes, too");
  options->plan.payback = &options->payback;
}

void planner_options_refuse_moves(const planner_options_t *options, const char *expected,
                                  const struct argp_state *state) {
  char label[OPTION_ROWS_TEXT];
  const eplb_option_t *row = option_rows_needing_current(&options->rows);
  if (row || options->has_bandwidth)
    tool_usage_error(state, "%s applies only to moves from a placement; expected %s",
                     row ? option_rows_label(row, label) : "--bandwidth", expected);
}

eplb_status_t planner_options_set(eplb_plan_options_t *plan, const char *name, const char *label, const char *text) {
  const eplb_option_table_t rows = eplb_option_table_of("plan");
  return eplb_option_set(eplb_option_find(&rows, name, strlen(name)), plan, label, text);
}

void planner_options_keep_used(eplb_plan_options_t *plan, eplb_planner_t planner) {
  const eplb_option_t *row;
  for (int i = 0; (row = eplb_option_describe(i)); i++)
    if (!strcmp(row->structure, "plan") && !(row->planners >> planner & 1))
      eplb_option_table_reset(row, plan);
  if (!eplb_planner_uses(planner, EPLB_USES_PAYBACK))
    plan->payback = NULL;
}
