/* eplb bench WHAT: measures, beside what it is compared to, in one run. */
#include "tools/bench/bench.h"
#include "tools/common/commands.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
  const char *name;
  tool_command_fn *run;
  const char *what;
} benches[] = {{"plan", bench_plan, "planning: time per layer, balance and moves, beside the reference"},
               {"migrate", bench_migrate, "migration, beside memcpy, what peers do and the busiest link's bound"},
               {"dispatch", bench_dispatch, "shares for each batch, beside the allreduce of its counts alone"}};
enum { NUM_BENCHES = sizeof benches / sizeof *benches };

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

static void print_help(FILE *to) {
  fprintf(to, "Usage: eplb bench WHAT [OPTION...]\nMeasure, beside what it is compared to, in one run.\n\n");
  for (int i = 0; i < NUM_BENCHES; i++)
    fprintf(to, "  %-10s %s\n", benches[i].name, benches[i].what);
  fprintf(to, "\nTimes depend on the machine; their ratios much less.\n");
}

int command_bench(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--help") || !strcmp(name, "-?")) {
    print_help(stdout);
    return TOOL_GOOD;
  }
  if (!strcmp(name, "--version")) /* for help2man */
    return TOOL_GOOD;
  for (int i = 0; i < NUM_BENCHES; i++)
    if (!strcmp(name, benches[i].name)) {
      char title[32];
      snprintf(title, sizeof title, "eplb bench %s", name);
      argv[1] = title;
      return benches[i].run(argc - 1, argv + 1);
    }
  if (argc > 1)
    fprintf(stderr, "eplb bench: no benchmark \"%s\"\n", name);
  print_help(stderr);
  return TOOL_USAGE;
}
