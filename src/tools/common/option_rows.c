/* Turns rows of the option tables into options of argp, with defaults in their help. */
#include "tools/common/option_rows.h"
#include "tools/common/commands.h"
#include <eplb/planner.h>
#include <stdio.h>
#include <string.h>

static void spell(const char *name, char *text, size_t size) {
  snprintf(text, size, "%s", name);
  for (char *c = text; *c; c++)
    *c = *c == '_' ? '-' : *c;
}

/* The help of an option, with its default if it has one. */
static void describe_option(const eplb_option_t *row, const void *structure, char *text) {
  char value[EPLB_OPTION_TEXT_MAX];
  int required = row->open & EPLB_OPTION_ABOVE_LEAST && row->preset <= row->least;
  snprintf(text, OPTION_ROWS_TEXT, required ? "%s" : "%s (%s)", row->help, eplb_option_show(row, structure, value));
}

struct argp_option option_rows_add(option_rows_t *rows, const eplb_option_t *row, const void *structure, int group) {
  int i = rows->count++;
  rows->row[i] = row;
  spell(row->name, rows->name[i], sizeof rows->name[i]);
  describe_option(row, structure, rows->help[i]);
  return (struct argp_option){rows->name[i], rows->first_key + i, row->value, 0, rows->help[i], group};
}

const eplb_option_t *option_rows_find(const option_rows_t *rows, int key) {
  int i = key - rows->first_key;
  return i >= 0 && i < rows->count ? rows->row[i] : NULL;
}

const char *option_rows_label(const eplb_option_t *row, char *label) {
  char name[32];
  spell(row->name, name, sizeof name);
  snprintf(label, OPTION_ROWS_TEXT, "--%s", name);
  return label;
}

void option_rows_set(option_rows_t *rows, const eplb_option_t *row, void *structure, const char *text,
                     const struct argp_state *state) {
  char label[OPTION_ROWS_TEXT];
  option_rows_label(row, label);
  if (eplb_option_set(row, structure, label, text))
    tool_usage_error(state, "%s", eplb_last_error());
  for (int i = 0; i < rows->count; i++)
    rows->given |= rows->row[i] == row ? 1u << i : 0;
}

const eplb_option_t *option_rows_needing_current(const option_rows_t *rows) {
  for (int i = 0; i < rows->count; i++)
    if (rows->given >> i & 1 && rows->row[i]->needs_current)
      return rows->row[i];
  return NULL;
}

struct argp_option option_rows_former(const former_option_t *former, int key) {
  return (struct argp_option){former->name, key, "X", OPTION_HIDDEN | OPTION_ARG_OPTIONAL, NULL, -1};
}

void option_rows_refuse_former(const former_option_t *former, const struct argp_state *state) {
  tool_usage_error(state, "--%s is now called --%s; expected that", former->name, former->now);
}
