/* eplb bench WHAT: measures, beside what it is compared to, in one run. */
#include "tools/bench/bench.h"
#include "tools/common/menu.h"
#include <time.h>

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_seconds(void) {
  return seconds_of(CLOCK_MONOTONIC);
}

double bench_core_seconds(void) {
  return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

int command_bench(int argc, char **argv) {
  static const tool_menu_entry_t benches[] = {
      {"plan", bench_plan, "planning: time per layer, balance and moves, beside the deepseek planner"},
      {"migrate", bench_migrate, "migration, beside memcpy, other libraries' method and the busiest link's bound"},
      {"dispatch", bench_dispatch, "shares for each batch, beside the allreduce of its counts alone"},
      {"session", bench_session, "a session of many ranks on a recording, beside one with the deepseek planner"}};
  static const tool_menu_t menu = {
      .program = "eplb bench",
      .noun = "benchmark",
      .usage = "WHAT",
      .purpose = "Measure planning, migration, dispatch or a session, and its reference, in one run.",
      .notes = "Times depend on the machine; ratios depend on it much less.\n",
      .num_entries = sizeof benches / sizeof *benches,
      .entry = benches};
  return tool_menu_run(&menu, argc, argv);
}
