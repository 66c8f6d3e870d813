/* Runs the command that the first argument names, and prints the list of commands. */
#include "tools/common/menu.h"
#include <config.h>
#include <eplb/eplb.h>
#include <stdio.h>
#include <string.h>

static void print_help(const tool_menu_t *m, FILE *to) {
  fprintf(to, "Usage: %s %s [OPTION...]\n%s\n\n", m->program, m->usage, m->purpose);
  for (int i = 0; i < m->num_entries; i++)
    fprintf(to, "  %-10s %s\n", m->entry[i].name, m->entry[i].what);
  fprintf(to, "\n%s", m->notes);
}

static int is_one_of(const char *name, const char *const *words, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(name, words[i]))
      return 1;
  return 0;
}

/* "help NAME..." becomes "NAME... --help". */
static void turn_help_round(int argc, char **argv) {
  static char option[] = "--help";
  if (argc < 3 || strcmp(argv[1], "help"))
    return;
  for (int i = 1; i < argc - 1; i++)
    argv[i] = argv[i + 1];
  argv[argc - 1] = option;
}

int tool_menu_run(const tool_menu_t *menu, int argc, char **argv) {
  static const char *const help[] = {"help", "--help", "-h", "-?"}, *const version[] = {"--version", "-V"};
  turn_help_round(argc, argv);
  const char *name = argc > 1 ? argv[1] : "";
  if (is_one_of(name, help, sizeof help / sizeof *help)) {
    print_help(menu, stdout);
    return TOOL_GOOD;
  }
  if (is_one_of(name, version, sizeof version / sizeof *version)) {
    printf("eplb (" PACKAGE_NAME ") %s\n", eplb_version());
    return TOOL_GOOD;
  }
  for (int i = 0; i < menu->num_entries; i++)
    if (!strcmp(name, menu->entry[i].name)) {
      char title[32];
      snprintf(title, sizeof title, "%s %s", menu->program, name);
      argv[1] = title;
      return menu->entry[i].run(argc - 1, argv + 1);
    }
  if (argc > 1) {
    eplb_fail(EPLB_ERR_ARGUMENT, "no %s \"%s\"", menu->noun, name);
    fprintf(stderr, "%s: %s\n", menu->program, eplb_last_error());
  }
  print_help(menu, stderr);
  return TOOL_USAGE;
}
