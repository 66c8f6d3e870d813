/* eplb COMMAND [options] */
#include "tools/common/menu.h"
#include <argp.h>

int main(int argc, char **argv) {
  static const tool_menu_entry_t commands[] = {
      {"run", command_run, "a complete job, under mpirun: detect, plan, migrate weights, check every byte"},
      {"topo", command_topo, "the CPUs and the GPU of each rank, and the machine"},
      {"plan", command_plan, "make a placement for recorded loads"},
      {"replay", command_replay, "compare planners on the windows that follow"},
      {"generate", command_generate, "make synthetic loads with given statistics"},
      {"bench", command_bench, "measure planning, migration, dispatch and sessions"},
  };
  static const tool_menu_t menu = {
      .program = "eplb",
      .noun = "command",
      .usage = "COMMAND",
      .purpose = "Balance the experts of Mixture-of-Experts models over the GPUs of an MPI job.",
      .notes = "  -h, --help     print this help; eplb help COMMAND explains a command\n"
               "  -V, --version  print the version\n\n"
               "Exit status: 0 success, 1 wrong input, 2 wrong usage, 3 failure during the run.\n"
               "A first try: eplb generate -o loads.csv && eplb plan loads.csv --nodes 4 --gpus 32\n",
      .num_entries = sizeof commands / sizeof *commands,
      .entry = commands};
  argp_err_exit_status = TOOL_USAGE;
  tool_watch_stdout();
  return tool_menu_run(&menu, argc, argv);
}
