/* Reads expert loads from CSV: libcsv splits lines into fields; here they become rows, and rows a recording. */
#include "core/memory.h"
#include <csv.h>
#include <ctype.h>
#include <eplb/formats.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 16, MAX_FIELD_BYTES = 1 << 16, MAX_COLUMNS = 1 << 20, SHOWN = 40 };

typedef struct row {
  int window, layer;
  int64_t line;
  size_t first; /* of its values */
} row_t;

typedef struct reader {
  const char *name; /* of the file, in sentences */
  locale_t locale;  /* "C": a number has a point, whatever the host program's language */
  eplb_status_t status;
  int64_t line;        /* the one being read, from 1 */
  int64_t fields;      /* of it so far */
  int has_header;      /* window and layer come before the loads */
  int is_header;       /* the line being read is the header */
  int64_t num_experts; /* as in the first line; 0 before its end */
  row_t row;           /* the line being read */
  row_t *rows;
  double *values;
  size_t num_rows, row_room, num_values, value_room;
} reader_t;

/* A field as it can be shown: not too long, nothing unprintable. */
static const char *show(const char *text, size_t length, char *shown) {
  size_t n = length < SHOWN ? length : SHOWN;
  for (size_t i = 0; i < n; i++)
    shown[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
  strcpy(shown + n, length > SHOWN ? "..." : "");
  return shown;
}

/* "column e7" or "column 8", from 1 where there is no header. */
static const char *column_name(const reader_t *r, char *name) {
  if (!r->has_header)
    snprintf(name, SHOWN, "column %lld", (long long)r->fields + 1);
  else if (r->fields < 2)
    snprintf(name, SHOWN, "column %s", r->fields ? "layer" : "window");
  else
    snprintf(name, SHOWN, "column e%lld", (long long)r->fields - 2);
  return name;
}

static void refuse_field(reader_t *r, eplb_status_t status, const char *text, size_t length, const char *expected) {
  char shown[SHOWN + 4], column[SHOWN];
  r->status = eplb_fail(status, "%s, line %lld, %s: \"%s\"; expected %s", r->name, (long long)r->line,
                        column_name(r, column), show(text, length, shown), expected);
}

/* Room for one more element; on failure the reader's status is set and NULL returned. */
static void *with_room(reader_t *r, void *array, size_t count, size_t *room, size_t size) {
  if (count < *room)
    return array;
  void *grown = eplb_grow(array, 2 * *room + 64, size);
  if (grown)
    *room = 2 * *room + 64;
  else
    r->status = EPLB_ERR_MEMORY;
  return grown;
}

static void take_load(reader_t *r, const char *text, size_t length) {
  char *end;
  double load = strtod_l(text, &end, r->locale);
  if (length == 0 || end != text + length) {
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "a number");
    return;
  }
  if (!(load >= 0 && load < 0x1p63)) {
    refuse_field(r, EPLB_ERR_LOADS, text, length, "a load from 0 to below 2^63");
    return;
  }
  double *values = with_room(r, r->values, r->num_values, &r->value_room, sizeof *values);
  if (!values)
    return;
  r->values = values;
  values[r->num_values++] = load;
}

static void take_number(reader_t *r, const char *text, size_t length, int *number) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (length == 0 || end != text + length || errno || value < 0 || value > INT_MAX)
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "a whole number, 0 or more");
  else
    *number = (int)value;
}

/* Whether a field is `word`; fields may hold zeros. */
static int reads(const char *text, size_t length, const char *word) {
  return length == strlen(word) && !memcmp(text, word, length);
}

/* A field of the header; the experts' names do not matter. */
static void take_title(reader_t *r, const char *text, size_t length) {
  if (r->fields == 1 && !reads(text, length, "layer"))
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "layer, as in window,layer,e0,e1,...");
}

/* libcsv's callback for a field. */
static void take_field(void *field, size_t length, void *reader) {
  reader_t *r = reader;
  const char *text = field ? field : "";
  if (r->status)
    return;
  if (r->fields == 0 && r->num_rows == 0 && !r->has_header)
    r->has_header = r->is_header = reads(text, length, "window");
  if (r->fields >= MAX_COLUMNS)
    r->status =
        eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: more than %d columns", r->name, (long long)r->line, MAX_COLUMNS);
  else if (r->is_header)
    take_title(r, text, length);
  else if (r->has_header && r->fields < 2)
    take_number(r, text, length, r->fields ? &r->row.layer : &r->row.window);
  else
    take_load(r, text, length);
  r->fields++;
  for (size_t i = 0; i < length; i++)
    r->line += text[i] == '\n'; /* in quotation marks */
}

/* Sets the number of experts from the first line, or holds the line against it. */
static void check_width(reader_t *r) {
  int64_t experts = r->fields - (r->has_header ? 2 : 0);
  if (r->num_experts == 0) {
    r->num_experts = experts;
    if (experts < 1)
      r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: no column for any expert; expected window,layer,e0,e1,...",
                            r->name, (long long)r->line);
  } else if (experts != r->num_experts) {
    r->status =
        eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %lld columns; expected %lld, as in the first line", r->name,
                  (long long)r->line, (long long)r->fields, (long long)(r->num_experts + (r->has_header ? 2 : 0)));
  }
}

/* libcsv's callback for the end of a line, by '\r', '\n' or -1 for the end of the file; also of empty ones, so that
 * lines can be counted. */
static void take_line(int end, void *reader) {
  reader_t *r = reader;
  if (!r->status && r->fields)
    check_width(r);
  if (!r->status && r->fields && !r->is_header) {
    row_t *rows = with_room(r, r->rows, r->num_rows, &r->row_room, sizeof *rows);
    if (rows) {
      r->rows = rows;
      r->row.line = r->line;
      r->row.first = r->num_values - (size_t)r->num_experts;
      if (!r->has_header)
        r->row.layer = (int)r->num_rows;
      rows[r->num_rows++] = r->row;
    }
  }
  r->fields = 0;
  r->is_header = 0;
  r->line += end == '\n';
}

/* Of all that can be written in a line, only quotation marks can be wrong for libcsv. */
static void refuse_syntax(reader_t *r, struct csv_parser *parser) {
  int error = csv_error(parser);
  const char *what = error == CSV_EPARSE ? "a quotation mark that opens or closes nothing" : csv_strerror(error);
  r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %s", r->name, (long long)r->line, what);
}

static void read_stream(reader_t *r, FILE *file, struct csv_parser *parser) {
  char *block = EPLB_NEW(char, BLOCK_BYTES);
  if (!block) {
    r->status = EPLB_ERR_MEMORY;
    return;
  }
  for (size_t got; !r->status && (got = fread(block, 1, BLOCK_BYTES, file)) > 0;) {
    if (csv_parse(parser, block, got, take_field, take_line, r) != got && !r->status)
      refuse_syntax(r, parser);
    if (!r->status && csv_get_buffer_size(parser) > MAX_FIELD_BYTES)
      r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: a field of more than %d characters; expected a number",
                            r->name, (long long)r->line, MAX_FIELD_BYTES);
  }
  if (!r->status && ferror(file))
    r->status = eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", r->name, strerror(errno));
  if (!r->status && csv_fini(parser, take_field, take_line, r) && !r->status)
    refuse_syntax(r, parser);
  free(block);
}

static int by_window_then_layer(const void *a, const void *b) {
  const row_t *x = a, *y = b;
  if (x->window != y->window)
    return x->window < y->window ? -1 : 1;
  return (x->layer > y->layer) - (x->layer < y->layer);
}

/* The number of layers, if every window has the same ones, each once. The rows are sorted. */
static eplb_status_t count_layers(const reader_t *r, size_t *layers) {
  const row_t *rows = r->rows;
  size_t first = 0; /* row of the window being looked at */
  *layers = 0;
  for (size_t i = 0; i <= r->num_rows; i++) {
    if (i < r->num_rows && i > 0 && !by_window_then_layer(&rows[i - 1], &rows[i]))
      return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: window %d, layer %d was in line %lld already", r->name,
                       (long long)(rows[i].line > rows[i - 1].line ? rows[i].line : rows[i - 1].line), rows[i].window,
                       rows[i].layer, (long long)(rows[i].line < rows[i - 1].line ? rows[i].line : rows[i - 1].line));
    if (i < r->num_rows && rows[i].window == rows[first].window)
      continue;
    *layers = *layers ? *layers : i;
    if (i - first != *layers)
      return eplb_fail(EPLB_ERR_FORMAT, "%s: window %d has %zu layers and window %d has %zu; expected the same in each",
                       r->name, rows[first].window, i - first, rows[0].window, *layers);
    first = i;
  }
  for (size_t i = 0; i < r->num_rows; i++)
    if (rows[i].layer != rows[i % *layers].layer)
      return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: window %d has layer %d, window %d has not", r->name,
                       (long long)rows[i].line, rows[i].window, rows[i].layer, rows[0].window);
  return EPLB_SUCCESS;
}

static eplb_status_t assemble(reader_t *r, eplb_loads_t **loads) {
  if (r->num_rows == 0)
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s holds no loads; expected a line window,layer,e0,e1,... and a row for each window and "
                     "layer",
                     r->name);
  qsort(r->rows, r->num_rows, sizeof *r->rows, by_window_then_layer);
  size_t layers;
  eplb_status_t status = count_layers(r, &layers);
  if (status)
    return status;
  if (r->num_rows > INT_MAX)
    return eplb_fail(EPLB_ERR_FORMAT, "%s: %zu rows; expected no more than %d", r->name, r->num_rows, INT_MAX);
  eplb_loads_t *l;
  status = eplb_loads_create((int)(r->num_rows / layers), (int)layers, (int)r->num_experts, &l);
  if (status)
    return status;
  for (size_t i = 0; i < r->num_rows; i++)
    memcpy(l->load + i * (size_t)r->num_experts, r->values + r->rows[i].first,
           (size_t)r->num_experts * sizeof *l->load);
  for (size_t i = 0; i < layers; i++)
    l->layer_id[i] = r->rows[i].layer;
  *loads = l;
  return EPLB_SUCCESS;
}

static eplb_status_t read_file(const char *name, FILE *file, eplb_loads_t **loads) {
  struct csv_parser parser;
  reader_t r = {.name = name, .line = 1, .locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
  if (!r.locale)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for a locale");
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL) == 0) {
    csv_set_blk_size(&parser, 4096);
    read_stream(&r, file, &parser);
    csv_free(&parser);
    status = r.status ? r.status : assemble(&r, loads);
  } else {
    eplb_fail(EPLB_ERR_MEMORY, "out of memory for a CSV parser");
  }
  free(r.rows);
  free(r.values);
  freelocale(r.locale);
  return status;
}

eplb_status_t eplb_loads_read(const char *path, eplb_loads_t **loads) {
  if (!path || !loads)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "loads" : "path");
  if (!strcmp(path, "-"))
    return read_file("standard input", stdin, loads);
  FILE *file = fopen(path, "rb");
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  eplb_status_t status = read_file(path, file, loads);
  fclose(file);
  return status;
}
