/* Assembles a recording from rows (window, layer, a load for each expert), which may come in any order: sorts them,
 * merges or refuses duplicates, and requires the same layers in every window. */
#include "core/formats/loads_rows.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

void eplb_rows_free(eplb_rows_t *rows) {
  free(rows->row);
  free(rows->load);
  rows->row = NULL;
  rows->load = NULL;
}

/* Room for one more element; NULL on failure, with the array as it was. */
static void *with_room(void *array, size_t count, size_t *room, size_t size) {
  if (count < *room)
    return array;
  void *grown = eplb_grow(array, 2 * *room + 64, size);
  if (grown)
    *room = 2 * *room + 64;
  return grown;
}

eplb_status_t eplb_rows_add_load(eplb_rows_t *rows, double load) {
  double *grown = with_room(rows->load, rows->num_loads, &rows->load_room, sizeof *grown);
  if (!grown)
    return EPLB_ERR_MEMORY;
  rows->load = grown;
  grown[rows->num_loads++] = load;
  return EPLB_SUCCESS;
}

/* ", line 7" where there are lines. */
static const char *place(int64_t line, char text[32]) {
  text[0] = '\0';
  if (line)
    snprintf(text, 32, ", line %lld", (long long)line);
  return text;
}

eplb_status_t eplb_rows_end_row(eplb_rows_t *rows, int window, int layer, int64_t line) {
  char where[32];
  size_t first = rows->num_rows * (size_t)rows->num_experts;
  int experts = (int)(rows->num_loads - first);
  if (rows->num_rows && experts != rows->num_experts)
    return eplb_fail(EPLB_ERR_FORMAT, "%s%s: window %d, layer %d has %s; expected %d", rows->name, place(line, where),
                     window, layer, eplb_count(experts, "expert"), rows->num_experts);
  eplb_row_t *grown = with_room(rows->row, rows->num_rows, &rows->row_room, sizeof *grown);
  if (!grown)
    return EPLB_ERR_MEMORY;
  rows->row = grown;
  rows->num_experts = experts;
  grown[rows->num_rows++] = (eplb_row_t){.window = window, .layer = layer, .line = line, .first = first};
  return EPLB_SUCCESS;
}

void eplb_rows_drop_row(eplb_rows_t *rows) {
  rows->num_loads = rows->num_rows * (size_t)rows->num_experts;
}

static int by_window_then_layer(const void *a, const void *b) {
  const eplb_row_t *x = a, *y = b;
  if (x->window != y->window)
    return x->window < y->window ? -1 : 1;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  return (x->first > y->first) - (x->first < y->first); /* as in the file */
}

/* Each window and layer has one row after this. The rows are sorted. */
static eplb_status_t merge_duplicates(eplb_rows_t *rows) {
  size_t kept = 0;
  for (size_t i = 1; i < rows->num_rows; i++) {
    eplb_row_t *last = &rows->row[kept], *row = &rows->row[i];
    if (row->window != last->window || row->layer != last->layer) {
      rows->row[++kept] = *row;
      continue;
    }
    if (!rows->add_up)
      return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: window %d, layer %d was in line %lld already", rows->name,
                       (long long)row->line, row->window, row->layer, (long long)last->line);
    for (int e = 0; e < rows->num_experts; e++)
      rows->load[last->first + (size_t)e] += rows->load[row->first + (size_t)e];
  }
  rows->num_rows = kept + 1;
  return EPLB_SUCCESS;
}

/* Whether the rows from `first` to the last are of a window that has some of the layers before, but not all. */
static int lacks_layers(const eplb_rows_t *r, size_t first, size_t layers) {
  size_t found = 0;
  if (r->num_rows - first >= layers)
    return 0;
  for (size_t i = first; i < r->num_rows; i++)
    for (size_t l = 0; l < layers; l++)
      found += r->row[i].layer == r->row[l].layer;
  return found == r->num_rows - first;
}

/* Leaves out the last window where the file ended within it. Returns whether it did. */
static int drop_incomplete(eplb_rows_t *r) {
  size_t layers = 0, first = r->num_rows - 1;
  while (layers < r->num_rows && r->row[layers].window == r->row[0].window)
    layers++;
  while (first > 0 && r->row[first - 1].window == r->row[r->num_rows - 1].window)
    first--;
  if (first == 0 || !lacks_layers(r, first, layers))
    return 0;
  r->num_rows = first;
  return 1;
}

/* The number of layers, if every window has the same ones. The rows are sorted, each once. */
static eplb_status_t count_layers(const eplb_rows_t *r, size_t *layers) {
  const eplb_row_t *row = r->row;
  char where[32];
  size_t first = 0; /* first row of the current window */
  *layers = 0;
  for (size_t i = 0; i <= r->num_rows; i++) {
    if (i < r->num_rows && row[i].window == row[first].window)
      continue;
    *layers = *layers ? *layers : i;
    if (i - first != *layers)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: window %d has %s and window %d has %zu; expected the same in each",
                       r->name, row[first].window, eplb_count(i - first, "layer"), row[0].window, *layers);
    first = i;
  }
  for (size_t i = 0; i < r->num_rows; i++)
    if (row[i].layer != row[i % *layers].layer)
      return eplb_fail(EPLB_ERR_FORMAT,
                       "%s%s: window %d has layer %d and window %d does not; expected the same layers in each", r->name,
                       place(row[i].line, where), row[i].window, row[i].layer, row[0].window);
  return EPLB_SUCCESS;
}

static eplb_status_t check_loads(const eplb_rows_t *r, const eplb_row_t *row) {
  char where[32];
  const double *load = r->load + row->first;
  for (int e = 0; e < r->num_experts; e++)
    if (!(load[e] >= 0 && load[e] < 0x1p63))
      return eplb_fail(EPLB_ERR_LOADS,
                       "%s%s: window %d, layer %d, expert %d has a load of %g; expected one from 0 to below 2^63",
                       r->name, place(row->line, where), row->window, row->layer, e, load[e]);
  return EPLB_SUCCESS;
}

static eplb_status_t fill_loads(const eplb_rows_t *r, eplb_loads_t *l) {
  eplb_status_t status = EPLB_SUCCESS;
  for (size_t i = 0; i < r->num_rows && !status; i++) {
    memcpy(l->load + i * (size_t)r->num_experts, r->load + r->row[i].first, (size_t)r->num_experts * sizeof *l->load);
    status = check_loads(r, &r->row[i]);
  }
  for (int i = 0; i < l->num_layers; i++)
    l->layer_id[i] = r->row[i].layer;
  return status;
}

eplb_status_t eplb_rows_assemble(eplb_rows_t *r, eplb_loads_t **loads) {
  if (r->num_rows > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s; expected no more than %d", r->name, eplb_count(r->num_rows, "row"),
                     INT_MAX);
  size_t layers;
  qsort(r->row, r->num_rows, sizeof *r->row, by_window_then_layer);
  eplb_status_t status = merge_duplicates(r);
  if (status)
    return status;
  int incomplete = (r->may_be_cut && drop_incomplete(r)) || r->cut_off;
  status = count_layers(r, &layers);
  if (status)
    return status;
  eplb_loads_t *l;
  status = eplb_loads_create((int)(r->num_rows / layers), (int)layers, r->num_experts, &l);
  if (status)
    return status;
  l->incomplete = incomplete;
  status = fill_loads(r, l);
  if (status)
    eplb_loads_destroy(&l);
  else
    *loads = l;
  return status;
}
