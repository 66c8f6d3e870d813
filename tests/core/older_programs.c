/* Structs of programs that were compiled with older, smaller versions of them. Each lies at the end of a page, behind which
 * nothing can be read or written. */
#include "tap.h"
#include <eplb/eplb.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A copy of the first `size` bytes, which must keep members aligned. The copy's size says so. */
static void *cut(const void *structure, size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CU_ASSERT_FATAL(pages != MAP_FAILED && size % 8 == 0 && size < page);
  CU_ASSERT_EQUAL_FATAL(mprotect(pages + page, page, PROT_NONE), 0);
  char *copy = pages + page - size;
  memcpy(copy, structure, size);
  memcpy(copy, &size, sizeof size);
  return copy;
}

static void end_cut(void *copy) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), address = (uintptr_t)copy;
  munmap((void *)(address - address % page), 2 * page);
}

static eplb_topology_t *four_devices(void) {
  eplb_topology_t *t = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_topology_declare(2, 4, 3, &t), EPLB_SUCCESS);
  return t;
}

static const double load[8] = {9, 1, 4, 2, 7, 3, 1, 5};

/* Options without balance and what follows: their defaults are used. */
static void options_that_are_lacking_have_their_defaults(void) {
  eplb_topology_t *t = four_devices();
  eplb_placement_t *p = NULL, *q = NULL;
  eplb_plan_options_t all;
  const eplb_windows_t windows = eplb_windows_single(1, 8, load);
  eplb_plan_options_init(&all);
  all.planner = EPLB_PLANNER_WINDOW;
  eplb_plan_options_t *old = cut(&all, offsetof(eplb_plan_options_t, balance));
  CU_ASSERT_EQUAL(eplb_plan(old, t, &windows, NULL, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_plan(&all, t, &windows, NULL, &q), EPLB_SUCCESS);
  CU_ASSERT_FATAL(p && q);
  CU_ASSERT(!memcmp(p->physical_to_logical, q->physical_to_logical, 12 * sizeof(int32_t)));
  all.planner = EPLB_PLANNER_AUTO, all.num_groups = 4;
  CU_ASSERT_EQUAL(eplb_plan_resolve(&all, t, old), EPLB_SUCCESS);
  CU_ASSERT(old->planner == EPLB_PLANNER_WINDOW && old->size == offsetof(eplb_plan_options_t, balance));
  eplb_plan_options_init_size(old, old->size);
  CU_ASSERT(old->planner == EPLB_PLANNER_AUTO && old->num_groups == 1);
  end_cut(old);
  eplb_placement_destroy(&p);
  eplb_placement_destroy(&q);
  eplb_topology_destroy(&t);
}

static const eplb_option_t *row_of(const char *name) {
  const eplb_option_t *row = NULL;
  for (int i = 0; (row = eplb_option_describe(i)) && strcmp(row->name, name);)
    i++;
  CU_ASSERT_PTR_NOT_NULL_FATAL(row);
  return row;
}

static void rows_do_not_reach_behind_the_struct(void) {
  eplb_plan_options_t all;
  char text[EPLB_OPTION_TEXT_MAX];
  eplb_plan_options_init(&all);
  eplb_plan_options_t *old = cut(&all, offsetof(eplb_plan_options_t, balance));
  CU_ASSERT_EQUAL(eplb_option_set(row_of("effort"), old, "--effort", "best"), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(old->effort, EPLB_EFFORT_BEST);
  CU_ASSERT_STRING_EQUAL(eplb_option_show(row_of("effort"), old, text), "best");
  TAP_FAILS(eplb_option_set(row_of("balance"), old, "--balance", ".5"), EPLB_ERR_ARGUMENT,
            "--balance is not in a struct of ");
  CU_ASSERT_STRING_EQUAL(eplb_option_show(row_of("balance"), old, text), "");
  end_cut(old);
}

static void sizes_that_no_version_had_are_refused(void) {
  eplb_topology_t *t = four_devices();
  eplb_placement_t *p = NULL;
  eplb_windows_t windows = eplb_windows_single(1, 8, load);
  eplb_plan_options_t all;
  eplb_plan_options_init(&all);
  all.size = offsetof(eplb_plan_options_t, balance) + 4;
  TAP_FAILS(eplb_plan(&all, t, &windows, NULL, &p), EPLB_ERR_ARGUMENT, "ends within balance");
  all.size = sizeof all + 8;
  TAP_FAILS(eplb_plan(&all, t, &windows, NULL, &p), EPLB_ERR_ARGUMENT, "plan options of ");
  eplb_plan_options_init(&all);
  windows.size = 0;
  TAP_FAILS(eplb_plan(&all, t, &windows, NULL, &p), EPLB_ERR_ARGUMENT, "windows has the size 0; expected ");
  windows.size = sizeof windows + 1;
  TAP_FAILS(eplb_plan(&all, t, &windows, NULL, &p), EPLB_ERR_ARGUMENT, "call eplb_windows_init");
  CU_ASSERT_PTR_NULL(p);
  eplb_topology_destroy(&t);
}

/* Room for one window's address, and for no weights. */
static void windows_are_filled_as_far_as_they_go(void) {
  eplb_history_t *h = NULL;
  eplb_windows_t all;
  eplb_windows_init(&all);
  CU_ASSERT_EQUAL_FATAL(eplb_history_create(1, 8, 3, .5, &h), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_history_add(h, load), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_history_add(h, load), EPLB_SUCCESS);
  eplb_windows_t *old = cut(&all, offsetof(eplb_windows_t, load) + sizeof *all.load);
  CU_ASSERT_EQUAL(eplb_history_windows(h, old), EPLB_SUCCESS);
  CU_ASSERT(old->num_windows == 2 && old->num_experts == 8 && !memcmp(old->load[0], load, sizeof load));
  CU_ASSERT_EQUAL(eplb_history_with(h, load, old), EPLB_SUCCESS);
  CU_ASSERT(old->num_windows == 3 && old->load[0] == load && old->size < sizeof all);
  end_cut(old);
  eplb_history_destroy(&h);
}

static void parts_and_tokens_may_be_smaller(void) {
  const int domain[4] = {0, 0, 1, 1}, slots[4] = {2, 2, 2, 2};
  const char *const name = "node";
  const int64_t count[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  eplb_topology_parts_t parts = {sizeof parts, 4, 1, &name, 0, domain, slots, NULL, 0};
  eplb_rank_tokens_t tokens = {sizeof tokens, 1, EPLB_SPLIT_EVEN, NULL, count};
  eplb_topology_t *t = NULL;
  eplb_placement_t *p = NULL;
  eplb_dispatch_t *d = NULL;
  int32_t quota[8];
  eplb_topology_parts_t *old = cut(&parts, offsetof(eplb_topology_parts_t, speed));
  CU_ASSERT_EQUAL_FATAL(eplb_topology_create(old, &t), EPLB_SUCCESS);
  CU_ASSERT(eplb_topology_num_slots(t) == 8 && t->speed[3] == 1);
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 8, 8, &p), EPLB_SUCCESS);
  CU_ASSERT_EQUAL_FATAL(eplb_dispatch_create(t, p, &d), EPLB_SUCCESS);
  CU_ASSERT_EQUAL(eplb_dispatch_quotas(d, 0, &tokens, quota), EPLB_SUCCESS);
  eplb_rank_tokens_t *old_tokens = cut(&tokens, offsetof(eplb_rank_tokens_t, count));
  TAP_FAILS(eplb_dispatch_quotas(d, 0, old_tokens, quota), EPLB_ERR_ARGUMENT, "count is NULL");
  end_cut(old_tokens);
  end_cut(old);
  eplb_dispatch_destroy(&d);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

static void triggers_and_changes_may_be_smaller(void) {
  eplb_topology_t *t = four_devices();
  eplb_placement_t *p = NULL;
  const eplb_windows_t windows = eplb_windows_single(1, 8, load);
  eplb_payback_t payback;
  eplb_trigger_t trigger;
  eplb_decision_t decision;
  CU_ASSERT_EQUAL_FATAL(eplb_placement_create_linear(1, 8, 12, &p), EPLB_SUCCESS);
  eplb_payback_init(&payback);
  eplb_trigger_init(&trigger);
  payback.seconds_per_load = 1, payback.expert_bytes = 1;
  trigger.payback = cut(&payback, offsetof(eplb_payback_t, bytes_per_second));
  eplb_placement_change_t change = {sizeof change, t, p, p, &windows, 3};
  eplb_placement_change_t *old = cut(&change, offsetof(eplb_placement_change_t, windows_since));
  CU_ASSERT_EQUAL(eplb_trigger_decide(&trigger, old, &decision), EPLB_SUCCESS);
  CU_ASSERT_PTR_NOT_NULL(strstr(decision.reason, "stay: 0 windows since the last rebalance"));
  end_cut((void *)(uintptr_t)trigger.payback);
  end_cut(old);
  eplb_placement_destroy(&p);
  eplb_topology_destroy(&t);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"options that are lacking have their defaults", options_that_are_lacking_have_their_defaults},
      {"rows do not reach behind the struct", rows_do_not_reach_behind_the_struct},
      {"sizes that no version had are refused", sizes_that_no_version_had_are_refused},
      {"windows are filled as far as they go", windows_are_filled_as_far_as_they_go},
      {"parts and tokens may be smaller", parts_and_tokens_may_be_smaller},
      {"triggers and changes may be smaller", triggers_and_changes_may_be_smaller},
      {NULL, NULL}};
  return tap_run("older programs", tests);
}
