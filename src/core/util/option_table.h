/* Structs of options, described row by row: see include/eplb/options.h. Both libraries have a copy of this code. */
#ifndef EPLB_CORE_UTIL_OPTION_TABLE_H
#define EPLB_CORE_UTIL_OPTION_TABLE_H

#include <eplb/options.h>

/* All rows of one struct. Its first member is `size_t size`. */
typedef struct eplb_option_table {
  const char *title; /* in sentences: "plan options" */
  const char *init;  /* the public call that prepares the struct */
  size_t size;       /* of the struct */
  int num_options;
  const eplb_option_t *option;
} eplb_option_table_t;

/* Sets a struct of `size` bytes, which an older program may have compiled: every member that has a row to its default,
 * the others to 0. Does nothing if there is no room for the size. */
void eplb_option_table_init(const eplb_option_table_t *table, void *structure, size_t size);

/* Copies a caller's struct: `given` may be older, and so smaller, than this library's; members that it lacks keep their
 * values in *structure, which must hold the defaults. structure->size is then the library's. EPLB_ERR_ARGUMENT: a size
 * that no version had, or a newer struct. */
eplb_status_t eplb_option_table_take(const eplb_option_table_t *table, const void *given, void *structure);

/* Whether every value is in its range. EPLB_ERR_ARGUMENT names the first that is not. */
eplb_status_t eplb_option_table_check(const eplb_option_table_t *table, const void *structure);

/* The row of this name, in any spelling: "max_moves", "max-moves", "MAX_MOVES"; or NULL. */
const eplb_option_t *eplb_option_find(const eplb_option_table_t *table, const char *name, size_t length);

/* The rows of a struct of libeplb's, without title, size and init; for code of another library. */
eplb_option_table_t eplb_option_table_of(const char *structure);

/* What eplb_option_set, _show and _reset do, for arguments that are not NULL. */
eplb_status_t eplb_option_table_set(const eplb_option_t *option, void *structure, const char *label, const char *text);
const char *eplb_option_table_show(const eplb_option_t *option, const void *structure, char *text);
void eplb_option_table_reset(const eplb_option_t *option, void *structure);

/* The value as a number; every int, enum and size up to 2^53 is exact. */
double eplb_option_get(const eplb_option_t *option, const void *structure);

/* Whether the struct, which may be an older program's, has the member. */
int eplb_option_is_within(const eplb_option_t *option, const void *structure);

int eplb_option_is_preset(const eplb_option_t *option, const void *structure);

/* The values that an option accepts, for a sentence: "a whole number from 1 to 16", into text[EPLB_OPTION_TEXT_MAX];
 * returns text. */
const char *eplb_option_expected(const eplb_option_t *option, char *text);

#endif
