/* Rows of loads as files have them, and the recording that they make. */
#ifndef EPLB_CORE_FORMATS_LOADS_ROWS_H
#define EPLB_CORE_FORMATS_LOADS_ROWS_H

#include <eplb/loads.h>

/* The loads of one window and layer. */
typedef struct eplb_row {
  int window, layer;
  int64_t line; /* of the file, from 1; 0: it has no lines */
  size_t first; /* of its loads */
} eplb_row_t;

/* Start with the name alone. */
typedef struct eplb_rows {
  const char *name; /* of the file, in sentences */
  int add_up;       /* rows of one window and layer are added up; else they are refused */
  int may_be_cut;   /* the format does not show where the file ends: its last window may lack layers */
  int cut_off;      /* the file ended within a row, which is not among these */
  int num_experts;  /* of each row, as the first has; 0 before its end */
  eplb_row_t *row;
  double *load;
  size_t num_rows, num_loads, row_room, load_room;
} eplb_rows_t;

void eplb_rows_free(eplb_rows_t *rows);

/* One more load of the row that is to end next. EPLB_ERR_MEMORY. */
eplb_status_t eplb_rows_add_load(eplb_rows_t *rows, double load);

/* Ends a row of 1 to INT_MAX loads. EPLB_ERR_FORMAT: it has not as many as the first; EPLB_ERR_MEMORY. */
eplb_status_t eplb_rows_end_row(eplb_rows_t *rows, int window, int layer, int64_t line);

/* Forgets the loads of a row that did not end. */
void eplb_rows_drop_row(eplb_rows_t *rows);

/* Makes a recording of the rows, which may come in any order; there must be one at least. Windows and layers are sorted
 * by their numbers. With may_be_cut, a last window that lacks layers of the first is left out if there are others. The
 * caller owns *loads. Reorders the rows. EPLB_ERR_FORMAT: a row comes twice, or a window does not have the layers of the
 * first; EPLB_ERR_LOADS; EPLB_ERR_MEMORY. */
eplb_status_t eplb_rows_assemble(eplb_rows_t *rows, eplb_loads_t **loads);

#endif
