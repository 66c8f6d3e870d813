/* Parses command lines with argp: help, misuse, and ranges of numbers. Under mpirun only the first rank prints. */
#include "core/util/escape.h"
#include "tools/common/commands.h"
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tool_is_first_rank(void) {
  static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    const char *rank = getenv(variables[i]);
    if (rank)
      return atoi(rank) == 0;
  }
  return 1;
}

enum { KEY_USAGE = 1 << 20 };

/* In place of argp's own help, which has no -h. */
static error_t parse_help(int key, char *text, struct argp_state *state) {
  (void)text;
  if (key != 'h' && key != '?' && key != KEY_USAGE)
    return ARGP_ERR_UNKNOWN;
  argp_state_help(state, state->out_stream,
                  key == KEY_USAGE ? ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK : ARGP_HELP_STD_HELP);
  return 0;
}

/* How many long options begin with these letters, 1 if one of them is the whole name. */
static int count_options(const struct argp *argp, const char *name, size_t length) {
  int count = 0;
  for (const struct argp_option *o = argp->options; o && (o->name || o->key || o->doc); o++)
    if (o->name && !strncmp(o->name, name, length)) {
      if (!o->name[length])
        return 1;
      count++;
    }
  for (const struct argp_child *child = argp->children; child && child->argp; child++)
    count += count_options(child->argp, name, length);
  return count;
}

static int is_known_option(const struct argp *argp, const char *argument) {
  if (argument[1] == '-')
    return count_options(argp, argument + 2, strcspn(argument + 2, "=")) == 1;
  return !eplb_has_control(argument, strnlen(argument, 2));
}

/* argp would print control characters of an unknown option and of its value unescaped. */
static void refuse_control_characters(const struct argp *argp, int argc, char **argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
    if (argv[i][0] == '-' && eplb_has_control(argv[i], strlen(argv[i])) && !is_known_option(argp, argv[i])) {
      const struct argp_state state = {.root_argp = argp, .name = argv[0], .err_stream = stderr};
      tool_usage_error(&state, "unrecognized option '%s'", argv[i]);
    }
}

static void parse_arguments(const struct argp *argp, int argc, char **argv, void *input) {
  enum { MAX_CHILDREN = 8 };
  static const struct argp_option option[] = {{"help", 'h', NULL, 0, "Give this help list", -1},
                                              {NULL, '?', NULL, OPTION_ALIAS, NULL, 0},
                                              {"usage", KEY_USAGE, NULL, 0, "Give a short usage message", 0},
                                              {0}};
  static const struct argp help = {option, parse_help, NULL, NULL, NULL, NULL, NULL};
  struct argp_child child[MAX_CHILDREN + 2] = {{0}};
  struct argp whole = *argp;
  int count = 0;
  for (; argp->children && argp->children[count].argp && count < MAX_CHILDREN; count++)
    child[count] = argp->children[count];
  child[count] = (struct argp_child){&help, 0, NULL, -1};
  whole.children = child;
  refuse_control_characters(&whole, argc, argv);
  argp_parse(&whole, argc, argv, ARGP_NO_HELP, NULL, input);
}

void tool_parse(const struct argp *argp, int argc, char **argv, void *input) {
  if (tool_is_first_rank()) {
    parse_arguments(argp, argc, argv, input);
    return;
  }
  argp_err_exit_status = TOOL_GOOD; /* a launcher that sees a failure may end the first before it has spoken */
  fflush(NULL);
  int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  parse_arguments(argp, argc, argv, input);
  fflush(NULL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(nowhere);
  close(err);
  close(out);
}

void tool_usage_error(const struct argp_state *state, const char *format, ...) {
  char sentence[EPLB_ERROR_MAX], shown[4 * EPLB_ERROR_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  argp_error(state, "%s", eplb_escape(sentence, strlen(sentence), shown, sizeof shown));
}

long tool_integer(const struct argp_state *state, const char *option, const char *text, long least, long most) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end || errno || value < least || value > most)
    tool_usage_error(state, "--%s is \"%s\"; expected a whole number from %ld to %ld", option, text, least, most);
  return value;
}

double tool_real(const struct argp_state *state, const char *option, const char *text, double least, double most) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end || !(value >= least && value <= most))
    tool_usage_error(state, "--%s is \"%s\"; expected a number from %g to %g", option, text, least, most);
  return value;
}
