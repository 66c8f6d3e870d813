/* Programs whose first argument is the name of a command. */
#ifndef EPLB_TOOLS_COMMON_MENU_H
#define EPLB_TOOLS_COMMON_MENU_H

#include "tools/common/commands.h"

typedef struct tool_menu_entry {
  const char *name;
  tool_command_fn *run;
  const char *what; /* it does, for the help */
} tool_menu_entry_t;

typedef struct tool_menu {
  const char *program;         /* "eplb" */
  const char *noun;            /* "command": what is chosen */
  const char *usage, *purpose; /* "COMMAND"; the help's second line */
  const char *notes;           /* what ends the help */
  int num_entries;
  const tool_menu_entry_t *entry;
} tool_menu_t;

/* Runs the command that argv[1] names and returns its exit status. "help NAME..." is "NAME... --help"; help, --help, -h
 * and -? alone print the menu, --version and -V the version. Anything else is wrong usage. */
int tool_menu_run(const tool_menu_t *menu, int argc, char **argv);

#endif
