/* The commands of the tool, and what they share. */
#ifndef EPLB_TOOLS_COMMON_COMMANDS_H
#define EPLB_TOOLS_COMMON_COMMANDS_H

#include <eplb/status.h>

/* Exit status of every command. */
enum { TOOL_GOOD = 0, TOOL_WRONG_INPUT = 1, TOOL_USAGE = 2, TOOL_FAILED = 3 };

/* Each takes its own arguments, argv[0] being "eplb NAME", and returns the exit status. */
typedef int tool_command_fn(int argc, char **argv);
tool_command_fn command_run, command_topo, command_plan, command_replay, command_generate, command_bench;

/* The exit status that goes with `status`. */
int tool_exit_status(eplb_status_t status);

/* Prints "eplb: SENTENCE" to stderr, the sentence being eplb_last_error(), and returns that exit status. */
int tool_report(eplb_status_t status);

/* From now on a successful exit makes sure that all of standard output has been written; else TOOL_FAILED. */
void tool_watch_stdout(void);

/* Whether the launcher's environment variables say that this process is rank 0, or there is no launcher. For use before
 * MPI_Init. */
int tool_is_first_rank(void);

/* argp_parse, which exits on wrong usage and after --help or -h; under a launcher only the first rank then says
 * anything, and the others exit with TOOL_GOOD. */
struct argp;
void tool_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Calls MPI_Init. The launcher of another MPI starts single processes, each alone: this is reported once, MPI is
 * finalised, and TOOL_USAGE returned; else TOOL_GOOD. */
int tool_mpi_start(int *argc, char ***argv);

/* argp_error, with the control characters of the sentence escaped. */
struct argp_state;
void tool_usage_error(const struct argp_state *state, const char *format, ...) EPLB_PRINTF(2, 3);

/* Parses a whole option value. On anything else than a number within [least, most] prints what was expected, with the
 * option's name, and exits with TOOL_USAGE, as argp does. */
long tool_integer(const struct argp_state *state, const char *option, const char *text, long least, long most);
double tool_real(const struct argp_state *state, const char *option, const char *text, double least, double most);

#endif
