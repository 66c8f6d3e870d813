/* eplb COMMAND [options] */
#include "tools/common/menu.h"
#include <argp.h>

int main(int argc, char **argv) {
  static const tool_menu_entry_t commands[] = {
      {"run", command_run, "the main job, under mpirun: detect, plan, migrate real buffers, check every byte"},
      {"topo", command_topo, "what each rank runs on and drives"},
      {"plan", command_plan, "a placement for recorded loads"},
      {"replay", command_replay, "planners beside each other, by the windows that follow"},
      {"generate", command_generate, "made-up loads with stated statistics"},
      {"bench", command_bench, "how good and how quick, beside what it is compared to"},
  };
  static const tool_menu_t menu = {
      .program = "eplb",
      .noun = "command",
      .usage = "COMMAND",
      .purpose = "Balance the experts of Mixture-of-Experts models over the GPUs of an MPI job.",
      .notes = "  -h, --help     print this help; eplb help COMMAND explains a command\n"
               "  -V, --version  print the version\n\n"
               "Exit status: 0 good, 1 wrong input, 2 wrong usage, 3 something failed on the way.\n"
               "A first try: eplb generate -o loads.csv && eplb plan loads.csv --nodes 4 --gpus 32\n",
      .num_entries = sizeof commands / sizeof *commands,
      .entry = commands};
  argp_err_exit_status = TOOL_USAGE;
  tool_watch_stdout();
  return tool_menu_run(&menu, argc, argv);
}
