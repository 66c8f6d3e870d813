/* Loads with a row for each expert: (window, layer, expert, load), in any order. What has no row has no load. */
#ifndef EPLB_CORE_FORMATS_LOADS_LONG_H
#define EPLB_CORE_FORMATS_LOADS_LONG_H

#include "core/formats/loads_rows.h"

enum { EPLB_LONG_MAX_EXPERTS = 1 << 20 };

typedef struct eplb_long_row {
  int window, layer; /* >= 0 */
  int expert;        /* below EPLB_LONG_MAX_EXPERTS */
  int64_t line;      /* of the file, from 1 */
  double load;
} eplb_long_row_t;

/* Start with the name alone. */
typedef struct eplb_long {
  const char *name; /* of the file, in sentences */
  eplb_long_row_t *row;
  size_t num_rows, room;
} eplb_long_t;

void eplb_long_free(eplb_long_t *rows);

/* EPLB_ERR_MEMORY. */
eplb_status_t eplb_long_add(eplb_long_t *rows, const eplb_long_row_t *row);

/* The recording of at least one row, the caller's: all windows and layers that have a row, and experts 0 to the highest
 * one. EPLB_ERR_FORMAT: an expert is there twice, or there are so few rows that nearly all loads would be 0;
 * EPLB_ERR_MEMORY. Reorders the rows. */
eplb_status_t eplb_long_assemble(eplb_long_t *rows, eplb_loads_t **loads);

/* What rows of 3 or 4 numbers without a header are. */
typedef enum eplb_long_guess {
  EPLB_LONG_NO,    /* loads of experts, a row for each layer */
  EPLB_LONG_MAYBE, /* either */
  EPLB_LONG_YES    /* [window,] layer, expert, load: most experts of all layers have a row */
} eplb_long_guess_t;

/* With EPLB_LONG_YES they are added to `rows`. EPLB_ERR_MEMORY. */
eplb_status_t eplb_long_guess(const eplb_rows_t *wide, eplb_long_t *rows, eplb_long_guess_t *guess);

#endif
