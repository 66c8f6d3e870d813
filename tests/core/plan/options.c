/* What options come to: AUTO is resolved, what a planner cannot use is refused, and rows describe every member. */
#include "comma_locale.h"
#include "core/util/option_table.h"
#include "folder.h"
#include "plan_window.h"
#include "tap.h"
#include <eplb/options.h>
#include <eplb/transfer.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static eplb_topology_t *declare(int nodes, int gpus) {
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(nodes, gpus, 3, &t), EPLB_SUCCESS);
  return t;
}

static eplb_plan_options_t defaults(void) {
  eplb_plan_options_t o;
  eplb_plan_options_init(&o);
  return o;
}

static const eplb_option_t *row_of(const char *structure, const char *name) {
  const eplb_option_t *row;
  for (int i = 0; (row = eplb_option_describe(i)); i++)
    if (!strcmp(row->structure, structure) && !strcmp(row->name, name))
      return row;
  CU_FAIL_FATAL("no such row");
  return NULL;
}

static eplb_status_t set_plan_option(eplb_plan_options_t *o, const char *name, const char *label, const char *text) {
  const eplb_option_table_t rows = eplb_option_table_of("plan");
  return eplb_option_set(eplb_option_find(&rows, name, strlen(name)), o, label, text);
}

/* The planner and policy, as "auto global". */
static const char *resolved(const eplb_plan_options_t *o, int nodes) {
  static char text[64];
  eplb_topology_t *t = declare(nodes, 4);
  eplb_plan_options_t r = defaults();
  CU_ASSERT_EQUAL_FATAL(eplb_plan_resolve(o, t, &r), EPLB_SUCCESS);
  snprintf(text, sizeof text, "%s %s", eplb_plan_name("planner", (int)r.planner),
           eplb_plan_name("policy", (int)r.policy));
  eplb_topology_destroy(&t);
  return text;
}

static void auto_is_resolved_by_groups_and_payback(void) {
  eplb_payback_t payback;
  eplb_payback_init(&payback);
  payback.seconds_per_load = 1e-6;
  eplb_plan_options_t o = defaults();
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "auto global");
  o.num_groups = 4;
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "window hierarchical");
  CU_ASSERT_STRING_EQUAL(resolved(&o, 1), "auto global");
  o.num_groups = 3; /* that do not divide over two nodes */
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "auto global");
  o.num_groups = 4, o.policy = EPLB_POLICY_GLOBAL;
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "auto global");
  o.policy = EPLB_POLICY_HIERARCHICAL;
  CU_ASSERT_STRING_EQUAL(resolved(&o, 1), "window hierarchical");
  o = defaults(), o.payback = &payback;
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "window global");
  o = defaults(), o.planner = EPLB_PLANNER_CHAIN, o.num_groups = 4;
  CU_ASSERT_STRING_EQUAL(resolved(&o, 2), "chain global");
}

static void auto_plans_as_what_it_comes_to(void) {
  const double load[] = {9, 1, 4, 2, 7, 3, 1, 5};
  for (int groups = 1; groups <= 4; groups += 3) {
    eplb_topology_t *t = declare(2, 4);
    eplb_placement_t *p = NULL, *q = NULL;
    eplb_plan_options_t o = defaults(), r = defaults();
    o.num_groups = groups;
    CU_ASSERT_EQUAL_FATAL(eplb_plan_resolve(&o, t, &r), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(plan_window(&o, t, eplb_windows_single(1, 8, load), NULL, &p), EPLB_SUCCESS);
    CU_ASSERT_EQUAL_FATAL(plan_window(&r, t, eplb_windows_single(1, 8, load), NULL, &q), EPLB_SUCCESS);
    CU_ASSERT(!memcmp(p->physical_to_logical, q->physical_to_logical, 12 * sizeof(int32_t)));
    eplb_placement_destroy(&p);
    eplb_placement_destroy(&q);
    eplb_topology_destroy(&t);
  }
}

/* Every option that differs from its default, with every planner: used, or refused by name. */
static void what_a_planner_cannot_use_is_refused(void) {
  static const struct {
    const char *name, *text;
  } changed[] = {{"effort", "best"}, {"forecast", "last"}, {"balance", ".5"},  {"max_moves", "3"},
                 {"node_cost", "2"}, {"move_cost", ".1"},  {"split", "shares"}};
  eplb_topology_t *t = declare(2, 4);
  for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
    for (eplb_planner_t p = EPLB_PLANNER_AUTO; p <= EPLB_PLANNER_CHAIN; p++) {
      eplb_plan_options_t o = defaults(), r = defaults();
      int used = row_of("plan", changed[i].name)->planners >> p & 1;
      o.planner = p;
      CU_ASSERT_EQUAL(set_plan_option(&o, changed[i].name, "it", changed[i].text), EPLB_SUCCESS);
      CU_ASSERT_EQUAL(eplb_plan_resolve(&o, t, &r), used ? EPLB_SUCCESS : EPLB_ERR_UNSUPPORTED);
      CU_ASSERT(used || strstr(eplb_last_error(), changed[i].name));
      CU_ASSERT(used || strstr(eplb_last_error(), "expected planner"));
    }
  eplb_plan_options_t o = defaults(), r = defaults();
  o.balance = .5;
  TAP_FAILS(eplb_plan_resolve(&o, t, &r), EPLB_ERR_UNSUPPORTED,
            "balance is 0.5, which the auto planner cannot use; expected planner window");
  eplb_payback_t payback;
  eplb_payback_init(&payback);
  payback.seconds_per_load = 1e-6;
  o = defaults(), o.planner = EPLB_PLANNER_HISTORY, o.payback = &payback;
  TAP_FAILS(eplb_plan_resolve(&o, t, &r), EPLB_ERR_UNSUPPORTED, "payback is set, which the history planner cannot use");
  o = defaults(), o.planner = EPLB_PLANNER_WINDOW, o.spill = .9;
  TAP_FAILS(eplb_plan_resolve(&o, t, &r), EPLB_ERR_UNSUPPORTED, "spill is 0.9 and the policy is global");
  o = defaults(), o.planner = EPLB_PLANNER_HISTORY, o.policy = EPLB_POLICY_HIERARCHICAL;
  TAP_FAILS(eplb_plan_resolve(&o, t, &r), EPLB_ERR_UNSUPPORTED, "history planner has no hierarchical policy");
  CU_ASSERT_EQUAL(r.planner, EPLB_PLANNER_AUTO);
  eplb_topology_destroy(&t);
}

static void names_can_be_read_back_and_former_ones_name_the_new(void) {
  static const char *const former[][2] = {
      {"default", "window"}, {"reference", "deepseek"}, {"scenario", "history"}, {"linked", "chain"}};
  eplb_plan_options_t o = defaults();
  for (int p = EPLB_PLANNER_AUTO; p <= EPLB_PLANNER_CHAIN; p++) {
    CU_ASSERT_EQUAL(set_plan_option(&o, "planner", "it", eplb_plan_name("planner", p)), EPLB_SUCCESS);
    CU_ASSERT_EQUAL((int)o.planner, p);
  }
  for (size_t i = 0; i < sizeof former / sizeof *former; i++) {
    TAP_FAILS(set_plan_option(&o, "planner", "--planner", former[i][0]), EPLB_ERR_ARGUMENT, "is now called");
    CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), former[i][1]));
  }
  TAP_FAILS(set_plan_option(&o, "policy", "--policy", "Global"), EPLB_ERR_ARGUMENT,
            "--policy is \"Global\"; expected auto, hierarchical or global");
  TAP_FAILS(set_plan_option(&o, "luck", "--luck", "1"), EPLB_ERR_ARGUMENT, "option is NULL");
  CU_ASSERT_EQUAL(o.planner, EPLB_PLANNER_CHAIN);
  CU_ASSERT_PTR_NULL(eplb_plan_name("planner", 5));
  CU_ASSERT_PTR_NULL(eplb_plan_name("planner", -1));
  CU_ASSERT_PTR_NULL(eplb_plan_name("balance", 0));
}

/* Each row's default is in its range and can be read back as it is shown. */
static void rows_agree_with_defaults(void) {
  eplb_plan_options_t plan = defaults(), plan_read = plan;
  eplb_payback_t payback, payback_read;
  eplb_trigger_t trigger, trigger_read;
  eplb_payback_init(&payback), eplb_trigger_init(&trigger);
  payback_read = payback, trigger_read = trigger;
  const eplb_option_t *row;
  int count = 0;
  for (; (row = eplb_option_describe(count)); count++) {
    char text[EPLB_OPTION_TEXT_MAX];
    int p = row->structure[1] == 'l', y = row->structure[1] == 'a';
    const void *of = p ? (void *)&plan : y ? (void *)&payback : (void *)&trigger;
    void *to = p ? (void *)&plan_read : y ? (void *)&payback_read : (void *)&trigger_read;
    if (strcmp(row->name, "seconds_per_load")) /* required: it has no default */
      CU_ASSERT_EQUAL(eplb_option_set(row, to, row->name, eplb_option_show(row, of, text)), EPLB_SUCCESS);
    CU_ASSERT(row->help[0] && row->value[0]);
  }
  CU_ASSERT(count > 15 && !eplb_option_describe(-1));
  CU_ASSERT(!memcmp(&plan, &plan_read, sizeof plan) && !memcmp(&payback, &payback_read, sizeof payback));
  CU_ASSERT(!memcmp(&trigger, &trigger_read, sizeof trigger));
  CU_ASSERT(plan.max_moves == INT_MAX && plan.num_groups == 1 && plan.forecast == EPLB_FORECAST_EWMA);
}

static void texts_out_of_range_say_what_was_expected(void) {
  static const struct {
    const char *name, *text, *expected;
  } wrong[] = {{"max_moves", "-1", "x is \"-1\"; expected a whole number of 0 or more"},
               {"max_moves", "3x", "x is \"3x\""},
               {"max_moves", "99999999999999999999", "expected a whole number"},
               {"num_groups", "0", "expected a whole number from 1 to 1073741824"},
               {"balance", "1", "expected a number above 0 to below 1"},
               {"spill", "nan", "expected a number from 0 to below 1"},
               {"node_cost", "", "expected a number from 1 to 1000000"},
               {"node_cost", " 2", "expected a number from 1 to 1000000"},
               {"effort", "Best", "expected default, fast or best"}};
  eplb_plan_options_t o = defaults(), was = o;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    TAP_FAILS(set_plan_option(&o, wrong[i].name, "x", wrong[i].text), EPLB_ERR_ARGUMENT, wrong[i].expected);
  CU_ASSERT(!memcmp(&o, &was, sizeof o));
  CU_ASSERT_EQUAL(set_plan_option(&o, "max-moves", "x", "7"), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(o.max_moves, 7);
  CU_ASSERT_EQUAL(set_plan_option(&o, "MAX_MOVES", "x", "unlimited"), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(o.max_moves, INT_MAX);
}

/* An older program's struct ends before forecast and payback; a newer one's is refused. */
static void structs_may_grow(void) {
  struct {
    eplb_plan_options_t options;
    char behind[16];
  } program;
  eplb_topology_t *t = declare(1, 4);
  eplb_plan_options_t r = defaults();
  memset(&program, 0x5a, sizeof program);
  size_t old = offsetof(eplb_plan_options_t, forecast);
  eplb_plan_options_init_size(&program.options, old);
  CU_ASSERT_EQUAL(program.options.size, old);
  CU_ASSERT_EQUAL(((unsigned char *)&program)[old], 0x5a); /* untouched */
  program.options.max_moves = 5;
  CU_ASSERT_EQUAL(eplb_plan_resolve(&program.options, t, &r), EPLB_SUCCESS);
  CU_ASSERT(r.size == sizeof r && r.max_moves == 5 && r.forecast == EPLB_FORECAST_EWMA && !r.payback);
  program.options.size = sizeof r + 8;
  TAP_FAILS(eplb_plan_resolve(&program.options, t, &r), EPLB_ERR_ARGUMENT, "call eplb_plan_options_init");
  program.options.size = 0;
  TAP_FAILS(eplb_plan_resolve(&program.options, t, &r), EPLB_ERR_ARGUMENT, "plan options of 0 bytes");
  TAP_FAILS(eplb_plan_resolve(NULL, t, &r), EPLB_ERR_ARGUMENT, "plan options are NULL");
  TAP_FAILS(eplb_plan_resolve(&r, NULL, &r), EPLB_ERR_ARGUMENT, "topology is NULL");
  TAP_FAILS(eplb_plan_resolve(&r, t, NULL), EPLB_ERR_ARGUMENT, "resolved is NULL");
  eplb_topology_destroy(&t);
}

static void the_language_of_the_program_does_not_matter(void) {
  char text[EPLB_OPTION_TEXT_MAX];
  eplb_plan_options_t o = defaults();
  if (comma_locale_set()) {
    CU_ASSERT_EQUAL(set_plan_option(&o, "balance", "--balance", "0.95"), EPLB_SUCCESS);
    CU_ASSERT_DOUBLE_EQUAL(o.balance, .95, 0);
    CU_ASSERT_STRING_EQUAL(eplb_option_show(row_of("plan", "balance"), &o, text), "0.95");
  }
  comma_locale_end();
}

int main(void) {
  static const tap_test_t tests[] = {
      {"auto is resolved by groups and payback", auto_is_resolved_by_groups_and_payback},
      {"auto plans as what it comes to", auto_plans_as_what_it_comes_to},
      {"what a planner cannot use is refused", what_a_planner_cannot_use_is_refused},
      {"names can be read back, and former ones name the new", names_can_be_read_back_and_former_ones_name_the_new},
      {"rows agree with defaults", rows_agree_with_defaults},
      {"texts out of range say what was expected", texts_out_of_range_say_what_was_expected},
      {"structs may grow", structs_may_grow},
      {"the language of the program does not matter", the_language_of_the_program_does_not_matter},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("options", tests);
  folder_remove();
  return failed;
}
