/* Assembles a recording from rows (window, layer, expert, load) in any order, and recognises such rows in a table
 * without a header. Sorting: O(rows log rows). */
#include "core/formats/loads_long.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <limits.h>
#include <math.h>

void eplb_long_free(eplb_long_t *rows) {
  free(rows->row);
  rows->row = NULL;
}

eplb_status_t eplb_long_add(eplb_long_t *rows, const eplb_long_row_t *row) {
  if (rows->num_rows == rows->room) {
    eplb_long_row_t *grown = eplb_grow(rows->row, 2 * rows->room + 64, sizeof *grown);
    if (!grown)
      return EPLB_ERR_MEMORY;
    rows->row = grown;
    rows->room = 2 * rows->room + 64;
  }
  rows->row[rows->num_rows++] = *row;
  return EPLB_SUCCESS;
}

static int order(int a, int b) {
  return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b) {
  const eplb_long_row_t *x = a, *y = b;
  int window = order(x->window, y->window), layer = order(x->layer, y->layer), expert = order(x->expert, y->expert);
  return window ? window : layer ? layer : expert ? expert : (x->line > y->line) - (x->line < y->line);
}

static int ascending_layers(const void *a, const void *b) {
  return order(*(const int *)a, *(const int *)b);
}

/* ---- the shape ---- */

typedef struct shape {
  int num_windows, num_layers, num_experts;
  int *layer; /* [num_layers], ascending */
} shape_t;

/* Sorts the rows by place and finds the shape, whose layers the caller frees. EPLB_ERR_MEMORY. */
static eplb_status_t find_long_shape(eplb_long_t *rows, shape_t *shape) {
  *shape = (shape_t){.layer = EPLB_NEW(int, rows->num_rows)};
  if (!shape->layer)
    return EPLB_ERR_MEMORY;
  qsort(rows->row, rows->num_rows, sizeof *rows->row, by_place);
  for (size_t i = 0; i < rows->num_rows; i++) {
    const eplb_long_row_t *row = &rows->row[i];
    shape->layer[i] = row->layer;
    shape->num_windows += i == 0 || row->window != row[-1].window;
    if (row->expert >= shape->num_experts)
      shape->num_experts = row->expert + 1;
  }
  qsort(shape->layer, rows->num_rows, sizeof *shape->layer, ascending_layers);
  for (size_t i = 0; i < rows->num_rows; i++)
    if (i == 0 || shape->layer[i] != shape->layer[shape->num_layers - 1])
      shape->layer[shape->num_layers++] = shape->layer[i];
  return EPLB_SUCCESS;
}

static double num_values(const shape_t *shape) {
  return (double)shape->num_windows * shape->num_layers * shape->num_experts;
}

/* Memory follows what the file has, not what it claims by one high number. */
static eplb_status_t check_long_shape(const eplb_long_t *rows, const shape_t *shape) {
  enum { SPARSEST = 1024 };
  const eplb_long_row_t *row = rows->row;
  for (size_t i = 1; i < rows->num_rows; i++)
    if (row[i].window == row[i - 1].window && row[i].layer == row[i - 1].layer && row[i].expert == row[i - 1].expert)
      return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: window %d, layer %d, expert %d was in line %lld already",
                       rows->name, (long long)row[i].line, row[i].window, row[i].layer, row[i].expert,
                       (long long)row[i - 1].line);
  if (num_values(shape) > SPARSEST * (double)rows->num_rows + (1 << 20))
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s for %s of %s of %s; expected at least one in %d of them", rows->name,
                     eplb_count(rows->num_rows, "row"), eplb_count(shape->num_windows, "window"),
                     eplb_count(shape->num_layers, "layer"), eplb_count(shape->num_experts, "expert"), SPARSEST);
  return EPLB_SUCCESS;
}

/* ---- the recording ---- */

static void fill_rows(const eplb_long_t *rows, const shape_t *shape, eplb_loads_t *l) {
  size_t layers = (size_t)shape->num_layers, experts = (size_t)shape->num_experts, window = 0;
  for (size_t i = 0; i < layers; i++)
    l->layer_id[i] = shape->layer[i];
  for (size_t i = 0; i < rows->num_rows; i++) {
    const eplb_long_row_t *row = &rows->row[i];
    window += i > 0 && row->window != row[-1].window;
    const int *layer = bsearch(&row->layer, shape->layer, layers, sizeof *layer, ascending_layers);
    l->load[(window * layers + (size_t)(layer - shape->layer)) * experts + (size_t)row->expert] = row->load;
  }
}

eplb_status_t eplb_long_assemble(eplb_long_t *rows, eplb_loads_t **loads) {
  shape_t shape;
  eplb_status_t status = find_long_shape(rows, &shape);
  if (!status)
    status = check_long_shape(rows, &shape);
  if (!status)
    status = eplb_loads_create(shape.num_windows, shape.num_layers, shape.num_experts, loads);
  if (!status)
    fill_rows(rows, &shape, *loads);
  free(shape.layer);
  return status;
}

/* ---- without a header ---- */

enum { MAX_ID = 1 << 16, FEWEST_ROWS = 4, FEWEST_EXPERTS = 4 };

static int is_id(double number) {
  return number < MAX_ID && number >= floor(number) && number <= floor(number);
}

/* Takes the rows as if they were long, if they can be. */
static eplb_status_t take_long_rows(const eplb_rows_t *wide, eplb_long_t *rows, int *can_be) {
  int keys = wide->num_experts - 1;
  eplb_status_t status = EPLB_SUCCESS;
  *can_be = (keys == 2 || keys == 3) && wide->num_rows >= FEWEST_ROWS;
  for (size_t i = 0; i < wide->num_rows && *can_be && !status; i++) {
    const double *number = wide->load + wide->row[i].first, *key = number + keys;
    for (int k = 0; k < keys; k++)
      *can_be &= is_id(number[k]);
    if (*can_be)
      status = eplb_long_add(rows, &(eplb_long_row_t){keys == 3 ? (int)number[0] : 0, (int)key[-2], (int)key[-1],
                                                      wide->row[i].line, number[keys]});
  }
  return status;
}

/* Loads of three experts would be different in most rows, and would not count up. */
static eplb_long_guess_t guess_columns(const eplb_long_t *rows, const shape_t *shape) {
  double groups = (double)shape->num_windows * shape->num_layers, count = (double)rows->num_rows;
  size_t twice = 0;
  for (size_t i = 1; i < rows->num_rows; i++)
    twice += rows->row[i].window == rows->row[i - 1].window && rows->row[i].layer == rows->row[i - 1].layer &&
             rows->row[i].expert == rows->row[i - 1].expert;
  if (shape->num_experts >= FEWEST_EXPERTS && 2 * count > num_values(shape) && !twice)
    return EPLB_LONG_YES;
  return count >= 2 * groups ? EPLB_LONG_MAYBE : EPLB_LONG_NO;
}

eplb_status_t eplb_long_guess(const eplb_rows_t *wide, eplb_long_t *rows, eplb_long_guess_t *guess) {
  int can_be;
  shape_t shape;
  *guess = EPLB_LONG_NO;
  eplb_status_t status = take_long_rows(wide, rows, &can_be);
  if (status || !can_be)
    return status;
  status = find_long_shape(rows, &shape);
  if (!status)
    *guess = guess_columns(rows, &shape);
  free(shape.layer);
  return status;
}
