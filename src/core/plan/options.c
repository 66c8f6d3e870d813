/* The planner's options: one table that supplies names, ranges, defaults and help, and says which planners use which
 * option. Options that the chosen planner cannot use are refused here. */
#include "core/plan/options.h"
#include "core/plan/planner_row.h"
#include "core/transfer/payback.h"
#include "core/transfer/trigger.h"
#include "core/util/count.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const planner_names[] = {"auto", "deepseek", "window", "history", "chain"};
static const char *const policy_names[] = {"auto", "hierarchical", "global"};
static const char *const effort_names[] = {"default", "fast", "best"};
static const char *const split_names[] = {"even", "shares"};
static const char *const forecast_names[] = {"last", "mean", "ewma"};

#define COUNT(names) ((int)(sizeof(names) / sizeof *(names)))

enum { NUM_PLANNERS = COUNT(planner_names), ALL = (1 << NUM_PLANNERS) - 1 };

/* The names of planners before 0.1 was released, and today's. */
static const char *const former_planners[][2] = {
    {"default", "window"}, {"reference", "deepseek"}, {"scenario", "history"}, {"linked", "chain"}};

#define PLACE(member) offsetof(eplb_plan_options_t, member)

static const eplb_option_t rows[] = {
    {"plan", "planner", "NAME", "auto, deepseek, window, history or chain", EPLB_OPTION_NAME, PLACE(planner), 0,
     NUM_PLANNERS - 1, 0, EPLB_PLANNER_AUTO, planner_names, ALL, 0},
    {"plan", "policy", "NAME", "auto, hierarchical or global; history and chain always plan globally", EPLB_OPTION_NAME,
     PLACE(policy), 0, COUNT(policy_names) - 1, 0, EPLB_POLICY_AUTO, policy_names, ALL, 0},
    {"plan", "num_groups", "K", "groups of consecutive experts for group-limited routing", EPLB_OPTION_INTEGER,
     PLACE(num_groups), 1, 1 << 30, 0, 1, NULL, ALL, 0},
    {"plan", "split", "NAME",
     "how the job divides an expert's tokens over its replicas: even, or by shares of each batch", EPLB_OPTION_NAME,
     PLACE(split), 0, COUNT(split_names) - 1, 0, EPLB_PLAN_SPLIT_EVEN, split_names, ALL, 0},
    {"plan", "effort", "NAME", "how long to search: fast, default or best", EPLB_OPTION_NAME, PLACE(effort), 0,
     COUNT(effort_names) - 1, 0, EPLB_EFFORT_DEFAULT, effort_names, EPLB_PLANNERS_USING(EPLB_USES_EFFORT), 0},
    {"plan", "spill", "BALANCE", "hierarchical: replicas may leave their group's node until this balance is reached",
     EPLB_OPTION_REAL, PLACE(spill), 0, 1, EPLB_OPTION_BELOW_MOST, 0, NULL, EPLB_PLANNERS_USING(EPLB_USES_SPILL), 0},
    {"plan", "forecast", "NAME", "how to make one load from several windows: last, mean or ewma", EPLB_OPTION_NAME,
     PLACE(forecast), 0, COUNT(forecast_names) - 1, 0, EPLB_FORECAST_EWMA, forecast_names,
     EPLB_PLANNERS_USING(EPLB_USES_FORECAST), 0},
    {"plan", "balance", "BALANCE", "stop moving once this balance is reached", EPLB_OPTION_REAL, PLACE(balance), 0, 1,
     EPLB_OPTION_ABOVE_LEAST | EPLB_OPTION_BELOW_MOST, .99, NULL, EPLB_PLANNERS_USING(EPLB_USES_BALANCE), 1},
    {"plan", "max_moves", "MOVES", "most replicas that may move in each layer", EPLB_OPTION_INTEGER, PLACE(max_moves),
     0, INT_MAX, 0, INT_MAX, NULL, EPLB_PLANNERS_USING(EPLB_USES_MOVES), 1},
    {"plan", "node_cost", "X", "cost of a move into another node, in moves within a node", EPLB_OPTION_REAL,
     PLACE(node_cost), 1, 1e6, 0, 4, NULL, EPLB_PLANNERS_USING(EPLB_USES_MOVES), 1},
    {"plan", "move_cost", "X", "least gain of a move; a larger value gives fewer moves; 0: the planner's default",
     EPLB_OPTION_REAL, PLACE(move_cost), 0, 1e6, 0, 0, NULL, EPLB_PLANNERS_USING(EPLB_USES_MOVE_COST), 1},
    {"plan", "tokens_per_load", "TOKENS",
     "tokens in a load of 1; 0: 1 for whole numbers, else unknown; inf: loads are exact", EPLB_OPTION_REAL,
     PLACE(tokens_per_load), 0, INFINITY, EPLB_OPTION_MAY_BE_INFINITE, 0, NULL, EPLB_PLANNERS_USING(EPLB_USES_MOVES),
     1},
};

const eplb_option_table_t eplb_plan_table = {"plan options", "eplb_plan_options_init", sizeof(eplb_plan_options_t),
                                             sizeof rows / sizeof *rows, rows};

void eplb_plan_options_init_size(eplb_plan_options_t *options, size_t size) {
  eplb_option_table_init(&eplb_plan_table, options, size);
}

const eplb_option_t *eplb_option_describe(int number) {
  static const eplb_option_table_t *const tables[] = {&eplb_plan_table, &eplb_payback_table, &eplb_trigger_table};
  for (size_t t = 0; t < sizeof tables / sizeof *tables && number >= 0; t++) {
    if (number < tables[t]->num_options)
      return &tables[t]->option[number];
    number -= tables[t]->num_options;
  }
  return NULL;
}

eplb_status_t eplb_option_set(const eplb_option_t *option, void *structure, const char *label, const char *text) {
  if (!option || !structure || !label || !text)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL",
                     !option      ? "option"
                     : !structure ? "structure"
                     : !label     ? "label"
                                  : "text");
  if (!eplb_option_is_within(option, structure))
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is not in a struct of %s; expected one that its _init has prepared", label,
                     eplb_count(*(const size_t *)structure, "byte"));
  for (size_t i = 0; i < sizeof former_planners / sizeof *former_planners; i++)
    if (option->names == planner_names && !strcmp(text, former_planners[i][0]))
      return eplb_fail(EPLB_ERR_ARGUMENT, "%s is \"%s\", which is now called %s; expected that name", label, text,
                       former_planners[i][1]);
  return eplb_option_table_set(option, structure, label, text);
}

const char *eplb_option_show(const eplb_option_t *option, const void *structure, char *text) {
  *text = 0;
  return eplb_option_is_within(option, structure) ? eplb_option_table_show(option, structure, text) : text;
}

const char *eplb_plan_name(const char *option, int value) {
  const eplb_option_t *o = option ? eplb_option_find(&eplb_plan_table, option, strlen(option)) : NULL;
  return o && o->names && value >= 0 && value <= (int)o->most ? o->names[value] : NULL;
}

eplb_status_t eplb_plan_options_take(const eplb_plan_options_t *given, eplb_plan_options_t *options) {
  eplb_plan_options_init(options);
  eplb_status_t status = eplb_option_table_take(&eplb_plan_table, given, options);
  if (!status)
    status = eplb_option_table_check(&eplb_plan_table, options);
  eplb_payback_t payback;
  return status || !options->payback ? status : eplb_payback_take(options->payback, &payback);
}

/* "window, history or chain", into text[EPLB_OPTION_TEXT_MAX]. */
static const char *list_planners(unsigned planners, char *text) {
  int used = 0;
  *text = 0;
  for (int p = EPLB_PLANNER_DEEPSEEK; p < NUM_PLANNERS; p++) {
    unsigned left = planners >> p;
    if (left & 1)
      used += snprintf(text + used, EPLB_OPTION_TEXT_MAX - (size_t)used, "%s%s",
                       used == 0  ? ""
                       : left > 1 ? ", "
                                  : " or ",
                       planner_names[p]);
  }
  return text;
}

static eplb_status_t refuse_option(const eplb_plan_options_t *o, const char *name, const char *value, unsigned planners,
                                   int chosen_by_auto) {
  char names[EPLB_OPTION_TEXT_MAX];
  return eplb_fail(EPLB_ERR_UNSUPPORTED, "%s is %s, which the %s planner%s cannot use; expected planner %s", name,
                   value, planner_names[o->planner],
                   chosen_by_auto && o->planner != EPLB_PLANNER_AUTO ? ", chosen by auto," : "",
                   list_planners(planners, names));
}

eplb_status_t eplb_plan_options_check_used(const eplb_plan_options_t *o, int chosen_by_auto) {
  char text[EPLB_OPTION_TEXT_MAX];
  for (int i = 0; i < eplb_plan_table.num_options; i++) {
    const eplb_option_t *row = &rows[i];
    if (!eplb_option_is_preset(row, o) && !(row->planners >> o->planner & 1))
      return refuse_option(o, row->name, eplb_option_table_show(row, o, text), row->planners, chosen_by_auto);
  }
  if (o->payback && !eplb_planner_uses(o->planner, EPLB_USES_PAYBACK))
    return refuse_option(o, "payback", "set", EPLB_PLANNERS_USING(EPLB_USES_PAYBACK), chosen_by_auto);
  return EPLB_SUCCESS;
}
