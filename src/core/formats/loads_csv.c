/* Reads expert loads from CSV: libcsv splits lines into fields; here they become rows, and rows a recording. */
#include "core/formats/loads_in.h"
#include "core/formats/loads_long.h"
#include "core/formats/loads_rows.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/escape.h"
#include <csv.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 16, MAX_FIELD_BYTES = 1 << 16, MAX_COLUMNS = 1 << 20 };

/* What the lines are. */
typedef enum form {
  BARE,         /* no header: a layer's loads */
  WIDE,         /* window, layer, the layer's loads */
  LONG,         /* layer, expert, its load */
  LONG_WINDOWS, /* window, layer, expert, its load */
} form_t;

enum { WINDOW, LAYER, EXPERT, MAX_KEYS };
static const char *const key_names[MAX_KEYS] = {"window", "layer", "expert"};
static const int num_keys[] = {[BARE] = 0, [WIDE] = 2, [LONG] = 2, [LONG_WINDOWS] = 3};

typedef struct reader {
  eplb_input_t *input;
  locale_t locale; /* "C": a number has a point, whatever the host program's language */
  eplb_status_t status;
  int64_t line;   /* the one being read, from 1 */
  int64_t fields; /* of it so far */
  form_t form;
  int is_header;     /* the line being read is the header */
  int64_t width;     /* columns of the first line; 0 before its end */
  int key[MAX_KEYS]; /* of the line being read: window, layer, expert, as far as the form has them */
  int at_end;        /* the file has ended; the parser delivers its last field and line */
  eplb_rows_t rows;  /* where a line has the loads of many experts */
  double load;
  eplb_long_t longs; /* where it has that of one */
} reader_t;

static int is_long(const reader_t *r) {
  return r->form == LONG || r->form == LONG_WINDOWS;
}

/* "column e7"; without a header "column 8", counted from 1. */
static const char *column_name(const reader_t *r, char *name) {
  int key = r->form == LONG ? 1 + (int)r->fields : (int)r->fields;
  if (r->form == BARE)
    snprintf(name, EPLB_SHOWN, "column %lld", (long long)r->fields + 1);
  else if (r->fields < num_keys[r->form])
    snprintf(name, EPLB_SHOWN, "column %s", key_names[key]);
  else if (is_long(r))
    snprintf(name, EPLB_SHOWN, "column count");
  else
    snprintf(name, EPLB_SHOWN, "column e%lld", (long long)r->fields - 2);
  return name;
}

static void refuse_field(reader_t *r, eplb_status_t status, const char *text, size_t length, const char *expected) {
  char shown[EPLB_SHOWN], column[EPLB_SHOWN];
  r->status = eplb_fail(status, "%s, line %lld, %s: \"%s\"; expected %s", r->input->name, (long long)r->line,
                        column_name(r, column), eplb_escape(text, length, shown, sizeof shown), expected);
}

/* Whether the line that is read may be one that the file ended in. */
static int may_be_cut_off(const reader_t *r) {
  return r->at_end && r->form == WIDE && r->rows.num_rows > 0;
}

/* A number as people write them: strtod also reads hexadecimal ones. */
static void take_load(reader_t *r, const char *text, size_t length) {
  char *end;
  double load = strtod_l(text, &end, r->locale);
  if (length == 0 && may_be_cut_off(r))
    return;
  if (length == 0 || end != text + length || memchr(text, 'x', length) || memchr(text, 'X', length))
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "a number");
  else if (!(load >= 0 && load < 0x1p63))
    refuse_field(r, EPLB_ERR_LOADS, text, length, "a load from 0 to below 2^63");
  else if (is_long(r))
    r->load = load;
  else
    r->status = eplb_rows_add_load(&r->rows, load);
}

static void take_key(reader_t *r, const char *text, size_t length) {
  int key = r->form == LONG ? 1 + (int)r->fields : (int)r->fields;
  long most = key == EXPERT ? EPLB_LONG_MAX_EXPERTS - 1 : INT_MAX;
  char *end;
  if (length == 0 && may_be_cut_off(r))
    return;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (length == 0 || end != text + length || errno || value < 0 || value > most)
    refuse_field(r, EPLB_ERR_FORMAT, text, length,
                 key == EXPERT ? "a whole number from 0 to 1048575" : "a whole number, 0 or more");
  else
    r->key[key] = (int)value;
}

/* Whether a field is `word`; fields may hold zeros. */
static int reads(const char *text, size_t length, const char *word) {
  return length == strlen(word) && !memcmp(text, word, length);
}

static int reads_expert(const char *text, size_t length) {
  return reads(text, length, "expert") || reads(text, length, "expert_id");
}

/* The first field: if it is no number, it begins a header. */
static void take_first(reader_t *r, const char *text, size_t length) {
  if (reads(text, length, "window"))
    r->form = WIDE;
  else if (reads(text, length, "layer") || reads(text, length, "layer_id"))
    r->form = LONG;
  r->is_header = r->form != BARE;
}

/* A field of the header; the names of experts and of what is counted do not matter. */
static void take_title(reader_t *r, const char *text, size_t length) {
  if (r->form == WIDE && r->fields == 2 && reads_expert(text, length))
    r->form = LONG_WINDOWS;
  if (r->form == WIDE && r->fields == 1 && !reads(text, length, "layer") && !reads(text, length, "layer_id"))
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "layer, as in window,layer,e0,e1,...");
  if (r->form == LONG && r->fields == 1 && !reads_expert(text, length))
    refuse_field(r, EPLB_ERR_FORMAT, text, length, "expert_id, as in layer_id,expert_id,count");
}

/* libcsv's callback for a field. */
static void take_field(void *field, size_t length, void *reader) {
  reader_t *r = reader;
  const char *text = field ? field : "";
  if (r->status)
    return;
  if (r->fields == 0 && r->width == 0)
    take_first(r, text, length);
  if (r->fields >= MAX_COLUMNS)
    r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: more than %s", r->input->name, (long long)r->line,
                          eplb_count(MAX_COLUMNS, "column"));
  else if (r->is_header)
    take_title(r, text, length);
  else if (r->fields < num_keys[r->form])
    take_key(r, text, length);
  else
    take_load(r, text, length);
  r->fields++;
  for (size_t i = 0; i < length; i++)
    r->line += text[i] == '\n'; /* in quotation marks */
}

/* Sets the number of columns from the first line, or holds the line against it. */
static void check_width(reader_t *r) {
  const char *name = r->input->name;
  if (r->width == 0) {
    r->width = r->fields;
    if (is_long(r) && r->width != num_keys[r->form] + 1)
      r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %s; expected %s", name, (long long)r->line,
                            eplb_count(r->width, "column"),
                            r->form == LONG ? "layer_id,expert_id,count" : "window,layer,expert,count");
    else if (r->width <= num_keys[r->form])
      r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: no column for any expert; expected window,layer,e0,e1,...",
                            name, (long long)r->line);
  } else if (r->fields != r->width) {
    r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %s; expected %lld, as in the first line", name,
                          (long long)r->line, eplb_count(r->fields, "column"), (long long)r->width);
  }
}

/* Whether the file ends within a row of a window that is not the first: then the layers are known from the first. */
static int is_cut_off(const reader_t *r) {
  const eplb_rows_t *rows = &r->rows;
  if (!may_be_cut_off(r) || rows->num_loads >= (rows->num_rows + 1) * (size_t)rows->num_experts)
    return 0;
  int first = rows->row[0].window;
  return rows->row[rows->num_rows - 1].window != first || (r->fields >= 2 && r->key[WINDOW] != first);
}

static void end_row(reader_t *r) {
  if (is_long(r))
    r->status =
        eplb_long_add(&r->longs, &(eplb_long_row_t){r->key[WINDOW], r->key[LAYER], r->key[EXPERT], r->line, r->load});
  else
    r->status =
        eplb_rows_end_row(&r->rows, r->key[WINDOW], r->form == WIDE ? r->key[LAYER] : (int)r->rows.num_rows, r->line);
}

/* libcsv's callback for the end of a line, by '\r', '\n' or -1 for the end of the file; also of empty ones, so that
 * lines can be counted. */
static void take_line(int end, void *reader) {
  reader_t *r = reader;
  if (!r->status && r->fields && is_cut_off(r)) {
    eplb_rows_drop_row(&r->rows);
    r->rows.cut_off = 1;
    r->fields = 0;
  }
  if (!r->status && r->fields)
    check_width(r);
  if (!r->status && r->fields && !r->is_header)
    end_row(r);
  r->fields = 0;
  r->is_header = 0;
  r->line += end == '\n';
}

/* Of all that can be written in a line, only quotation marks can be wrong for libcsv. */
static void refuse_syntax(reader_t *r, struct csv_parser *parser) {
  int error = csv_error(parser);
  const char *what = error == CSV_EPARSE ? "a quotation mark that opens or closes nothing" : csv_strerror(error);
  r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %s", r->input->name, (long long)r->line, what);
}

static void read_csv_stream(reader_t *r, struct csv_parser *parser) {
  char *block = EPLB_NEW(char, BLOCK_BYTES);
  if (!block) {
    r->status = EPLB_ERR_MEMORY;
    return;
  }
  for (size_t got; !r->status && (got = eplb_input_read(r->input, block, BLOCK_BYTES)) > 0;) {
    if (csv_parse(parser, block, got, take_field, take_line, r) != got && !r->status)
      refuse_syntax(r, parser);
    if (!r->status && csv_get_buffer_size(parser) > MAX_FIELD_BYTES)
      r->status = eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: a field of more than %s; expected a number",
                            r->input->name, (long long)r->line, eplb_count(MAX_FIELD_BYTES, "character"));
  }
  if (!r->status)
    r->status = eplb_input_check(r->input);
  r->at_end = 1;
  if (!r->status && csv_fini(parser, take_field, take_line, r) && !r->status)
    refuse_syntax(r, parser);
  free(block);
}

/* Whether the first two columns count as windows and layers do: line by line, all layers of each window. */
static int begins_with_keys(const eplb_rows_t *rows) {
  size_t layers = 1;
  if (rows->num_rows < 2 || rows->num_experts < 3)
    return 0;
  const double *first = rows->load, *previous = first;
  for (size_t i = 1; i < rows->num_rows; i++) {
    const double *row = rows->load + rows->row[i].first;
    int goes_on = row[0] >= first[0] && row[0] <= first[0];
    layers += i == layers && goes_on;
    double window = first[0] + (double)(i / layers), layer = first[1] + (double)(i % layers);
    if (row[0] < window || row[0] > window || row[1] < layer || row[1] > layer)
      return 0;
    previous = row;
  }
  int counts = layers > 1 || rows->num_rows > 2;
  return counts && rows->num_rows % layers == 0 && (first[0] <= 0 || previous[0] > first[0]);
}

/* Without a header: a row for each layer, or for each expert if that is what the numbers look like. */
static eplb_status_t assemble_bare(reader_t *r, eplb_loads_t **loads) {
  eplb_long_guess_t guess;
  eplb_status_t status = eplb_long_guess(&r->rows, &r->longs, &guess);
  if (!status && guess == EPLB_LONG_YES)
    return eplb_long_assemble(&r->longs, loads);
  if (!status && (guess == EPLB_LONG_MAYBE || begins_with_keys(&r->rows)))
    return eplb_fail(EPLB_ERR_FORMAT,
                     "%s has no header, and its first columns may be numbers of windows, layers or experts; expected a "
                     "first line window,layer,e0,e1,..., layer_id,expert_id,count or window,layer,expert,count",
                     r->input->name);
  return status ? status : eplb_rows_assemble(&r->rows, loads);
}

static eplb_status_t assemble(reader_t *r, eplb_loads_t **loads) {
  if (r->longs.num_rows > 0)
    return eplb_long_assemble(&r->longs, loads);
  if (r->rows.num_rows > 0)
    return r->form == BARE ? assemble_bare(r, loads) : eplb_rows_assemble(&r->rows, loads);
  return eplb_fail(EPLB_ERR_FORMAT,
                   "%s holds no loads; expected a line window,layer,e0,e1,... and a row for each window and layer",
                   r->input->name);
}

eplb_status_t eplb_loads_from_csv(eplb_input_t *input, eplb_loads_t **loads) {
  struct csv_parser parser;
  reader_t r = {.input = input,
                .line = 1,
                .locale = newlocale(LC_ALL_MASK, "C", (locale_t)0),
                .rows = {.name = input->name, .may_be_cut = 1},
                .longs = {.name = input->name}};
  if (!r.locale)
    return eplb_fail(EPLB_ERR_MEMORY, "out of memory for a locale");
  eplb_status_t status = EPLB_ERR_MEMORY;
  if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL) == 0) {
    csv_set_blk_size(&parser, 4096);
    read_csv_stream(&r, &parser);
    csv_free(&parser);
    status = r.status ? r.status : assemble(&r, loads);
  } else {
    eplb_fail(EPLB_ERR_MEMORY, "out of memory for a CSV parser");
  }
  eplb_long_free(&r.longs);
  eplb_rows_free(&r.rows);
  freelocale(r.locale);
  return status;
}
