/* Loads from NumPy's .npy. */
#include "core/formats/loads_in.h"
#include "core/formats/loads_rows.h"
#include "core/formats/npy_header.h"
#include "core/util/alloc.h"
#include "core/util/count.h"

/* A view of the numbers as [windows][layers][experts]. */
typedef struct view {
  eplb_raw_type_t type;
  int windows, layers, experts;
  size_t window_step, layer_step, expert_step; /* numbers from one to the next */
  const unsigned char *bytes;
} view_t;

static view_t view_of(const eplb_npy_header_t *h) {
  const int *size = h->size + h->num_axes - 2; /* layers, experts */
  view_t v = {.type = h->type, .windows = h->num_axes == 3 ? h->size[0] : 1, .layers = size[0], .experts = size[1]};
  v.window_step = h->fortran_order ? 1 : (size_t)v.layers * (size_t)v.experts;
  v.layer_step = h->fortran_order ? (size_t)v.windows : (size_t)v.experts;
  v.expert_step = h->fortran_order ? (size_t)v.windows * (size_t)v.layers : 1;
  return v;
}

static eplb_status_t add_npy_row(eplb_rows_t *rows, const view_t *v, int window, int layer) {
  eplb_status_t status = EPLB_SUCCESS;
  size_t first = (size_t)window * v->window_step + (size_t)layer * v->layer_step;
  for (int e = 0; e < v->experts && !status; e++) {
    size_t at = (first + (size_t)e * v->expert_step) * (size_t)v->type.size;
    status = eplb_rows_add_load(rows, eplb_raw_number(v->type, v->bytes + at));
  }
  return status ? status : eplb_rows_end_row(rows, window, layer, 0);
}

/* All of them, and that nothing follows: several arrays in one file would else be taken for the first. */
static eplb_status_t take_numbers(eplb_input_t *input, const view_t *v, unsigned char **bytes) {
  int64_t rows = (int64_t)v->windows * v->layers;
  size_t size;
  if (rows > EPLB_LOADS_MAX_VALUES / v->experts)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %s of %s of %s; expected no more than %s", input->name,
                     eplb_count(v->windows, "window"), eplb_count(v->layers, "layer"), eplb_count(v->experts, "expert"),
                     eplb_count(EPLB_LOADS_MAX_VALUES, "value"));
  size_t wanted = (size_t)rows * (size_t)v->experts * (size_t)v->type.size;
  eplb_status_t status = eplb_input_take(input, wanted, bytes, &size);
  if (!status && (size < wanted || eplb_input_byte(input) != EOF)) {
    free(*bytes);
    *bytes = NULL;
    status = eplb_fail(EPLB_ERR_FORMAT, "%s has %s bytes of numbers; expected %zu, for %s of %s of %d", input->name,
                       size < wanted ? "too few" : "too many", wanted, eplb_count(v->windows, "window"),
                       eplb_count(v->layers, "layer"), v->experts);
  }
  return status;
}

eplb_status_t eplb_loads_from_npy(eplb_input_t *input, eplb_loads_t **loads) {
  eplb_npy_header_t header;
  eplb_status_t status = eplb_npy_read_header(input, &header);
  if (status)
    return status;
  view_t v = view_of(&header);
  eplb_rows_t rows = {.name = input->name};
  unsigned char *bytes = NULL;
  status = take_numbers(input, &v, &bytes);
  v.bytes = bytes;
  for (int w = 0; w < v.windows && !status; w++)
    for (int l = 0; l < v.layers && !status; l++)
      status = add_npy_row(&rows, &v, w, l);
  free(bytes);
  if (!status)
    status = eplb_rows_assemble(&rows, loads);
  eplb_rows_free(&rows);
  return status;
}
