/* Rows of option tables as options of a command line. */
#ifndef EPLB_TOOLS_COMMON_OPTION_ROWS_H
#define EPLB_TOOLS_COMMON_OPTION_ROWS_H

#include <argp.h>
#include <eplb/options.h>

enum { OPTION_ROWS_MAX = 24, OPTION_ROWS_TEXT = 160 };

/* Rows, the arguments that argp makes of them, and which of them the user gave. All zero at first. */
typedef struct option_rows {
  int count, first_key;
  const eplb_option_t *row[OPTION_ROWS_MAX];
  char name[OPTION_ROWS_MAX][32], help[OPTION_ROWS_MAX][OPTION_ROWS_TEXT];
  unsigned given; /* bit i: row[i] was given */
} option_rows_t;

/* Adds a row; its key is first_key and as much more as rows were there. Help shows the value in *structure as the
 * default. Returns its argument, whose texts belong to `rows`. */
struct argp_option option_rows_add(option_rows_t *rows, const eplb_option_t *row, const void *structure, int group);

/* The row of a key, or NULL. */
const eplb_option_t *option_rows_find(const option_rows_t *rows, int key);

/* "--max-moves" for a row, into label[OPTION_ROWS_TEXT]; returns label. */
const char *option_rows_label(const eplb_option_t *row, char *label);

/* Sets the member of *structure that the row describes, and notes that it was given. On anything that it cannot be,
 * argp's error and exit. */
void option_rows_set(option_rows_t *rows, const eplb_option_t *row, void *structure, const char *text,
                     const struct argp_state *state);

/* The first row that was given and that only matters where there is a current placement; or NULL. */
const eplb_option_t *option_rows_needing_current(const option_rows_t *rows);

/* An option that has another name now. */
typedef struct former_option {
  const char *name, *now;
} former_option_t;

/* A hidden argument whose use option_rows_refuse_former answers; keys from `key` on. */
struct argp_option option_rows_former(const former_option_t *former, int key);
void option_rows_refuse_former(const former_option_t *former, const struct argp_state *state);

#endif
