/* eplb COMMAND [options] */
#include "tools/common/commands.h"
#include <argp.h>
#include <config.h>
#include <eplb/eplb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name;
  tool_command_fn *run;
  const char *what;
} commands[] = {
    {"run", command_run, "the main job, under mpirun: detect, plan, migrate real buffers, check every byte"},
    {"topo", command_topo, "what each rank runs on and drives"},
    {"plan", command_plan, "a placement for recorded loads"},
    {"replay", command_replay, "planners beside each other, by the windows that follow"},
    {"generate", command_generate, "made-up loads with stated statistics"},
    {"bench", command_bench, "how good and how quick, beside what it is compared to"},
};
enum { NUM_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to) {
  fprintf(to, "Usage: eplb COMMAND [OPTION...]\n"
              "Balance the experts of Mixture-of-Experts models over the GPUs of an MPI job.\n\n");
  for (int i = 0; i < NUM_COMMANDS; i++)
    fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
  fprintf(to, "\n  -?, --help     print this help; eplb COMMAND --help explains a command\n"
              "  -V, --version  print the version\n\n"
              "Exit status: 0 good, 1 wrong input, 2 wrong usage, 3 something failed on the way.\n"
              "A first try: eplb generate -o loads.csv && eplb plan loads.csv --nodes 4 --gpus 32\n");
}

int tool_exit_status(eplb_status_t status) {
  switch (status) {
  case EPLB_SUCCESS:
    return TOOL_GOOD;
  case EPLB_ERR_MEMORY:
  case EPLB_ERR_IO:
  case EPLB_ERR_CORRUPT:
  case EPLB_ERR_MPI:
  case EPLB_ERR_INTERNAL:
    return TOOL_FAILED;
  default:
    return TOOL_WRONG_INPUT;
  }
}

int tool_report(eplb_status_t status) {
  fprintf(stderr, "eplb: %s\n", eplb_last_error());
  return tool_exit_status(status);
}

int tool_is_first_rank(void) {
  static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char *rank = getenv(variables[i]);
    if (rank)
      return atoi(rank) == 0;
  }
  return 1;
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input) {
  if (tool_is_first_rank()) {
    argp_parse(argp, argc, argv, 0, NULL, input);
    return;
  }
  argp_err_exit_status = TOOL_GOOD; /* a launcher that sees a failure may end the first before it has spoken */
  fflush(NULL);
  int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  argp_parse(argp, argc, argv, 0, NULL, input);
  fflush(NULL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(nowhere);
  close(err);
  close(out);
}

long tool_integer(const struct argp_state *state, const char *option, const char *text, long least, long most) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    argp_error(state, "--%s is \"%s\"; expected a whole number from %ld to %ld", option, text, least, most);
  return value;
}

double tool_real(const struct argp_state *state, const char *option, const char *text, double least, double most) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !(value >= least && value <= most))
    argp_error(state, "--%s is \"%s\"; expected a number from %g to %g", option, text, least, most);
  return value;
}

/* At exit: what was printed counts only if it has arrived. A disk that is full shows when the last buffer is
 * written. */
static void check_stdout(int exit_status, void *unused) {
  (void)unused;
  errno = 0; /* why an earlier write failed is not known any more */
  if (exit_status != TOOL_GOOD || !(ferror(stdout) | fflush(stdout)))
    return;
  fprintf(stderr, "eplb: cannot write standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
  _exit(TOOL_FAILED);
}

int main(int argc, char **argv) {
  argp_err_exit_status = TOOL_USAGE;
  on_exit(check_stdout, NULL);
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--help") || !strcmp(name, "-?") || !strcmp(name, "-h") || !strcmp(name, "help")) {
    print_help(stdout);
    return TOOL_GOOD;
  }
  if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
    puts("eplb (" PACKAGE_NAME ") " PACKAGE_VERSION);
    return TOOL_GOOD;
  }
  for (int i = 0; i < NUM_COMMANDS; i++)
    if (!strcmp(name, commands[i].name)) {
      char title[32];
      snprintf(title, sizeof title, "eplb %s", name);
      argv[1] = title;
      return commands[i].run(argc - 1, argv + 1);
    }
  if (argc > 1)
    fprintf(stderr, "eplb: no command \"%s\"\n", name);
  print_help(stderr);
  return TOOL_USAGE;
}
