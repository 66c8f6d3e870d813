/* Reads counts from safetensors: a header of JSON, then raw numbers. Each tensor is one window and layer. Every byte
 * behind the header must belong to exactly one tensor. */
#include "core/formats/safetensors.h"
#include "core/formats/raw_number.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "core/util/escape.h"
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 100000000 /* the format's own limit */, MAX_NUMBER_BYTES = 8 };

/* The bytes of a tensor. */
typedef struct range {
  const char *key;
  size_t begin, end, number; /* number: in the order of the header */
} range_t;

typedef struct reader {
  const char *name; /* of the file, in sentences */
  int num_experts;
  unsigned char *data;
  size_t size, used; /* bytes of data; sum of the ranges' bytes, never more */
  range_t *range;    /* [num_ranges]: of the tensors so far */
  size_t num_ranges;
} reader_t;

static eplb_status_t refuse_safetensors(const reader_t *r, const char *key, const char *expected) {
  char shown[EPLB_SHOWN];
  return eplb_fail(EPLB_ERR_FORMAT, "%s: tensor \"%s\"; expected %s", r->name,
                   eplb_escape(key, strlen(key), shown, sizeof shown), expected);
}

/* A whole number without sign, blanks or zeros before it. */
static int take_number(const char **text, int *number) {
  char *end;
  errno = 0;
  long value = strtol(*text, &end, 10);
  if (**text < '0' || **text > '9' || (**text == '0' && end > *text + 1) || errno || value > INT_MAX)
    return 0;
  *number = (int)value;
  *text = end;
  return 1;
}

static int parse_tensor_name(const char *key, int *window, int *layer) {
  return take_number(&key, window) && *key++ == '_' && take_number(&key, layer) && !*key;
}

static int parse_tensor_type(const char *name, eplb_raw_type_t *type) {
  static const struct {
    const char *name;
    eplb_raw_type_t type;
  } types[] = {{"I64", {'i', 8, 0}}, {"I32", {'i', 4, 0}}, {"I16", {'i', 2, 0}}, {"I8", {'i', 1, 0}},
               {"U64", {'u', 8, 0}}, {"U32", {'u', 4, 0}}, {"U16", {'u', 2, 0}}, {"U8", {'u', 1, 0}},
               {"F64", {'f', 8, 0}}, {"F32", {'f', 4, 0}}, {"F16", {'f', 2, 0}}};
  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (!strcmp(name, types[i].name)) {
      *type = types[i].type;
      return 1;
    }
  return 0;
}

/* Where the tensor's numbers are, and of what type. */
static eplb_status_t find_numbers(reader_t *r, const char *key, const json_t *tensor, eplb_raw_type_t *type,
                                  const unsigned char **numbers) {
  const json_t *shape = json_object_get(tensor, "shape"), *offsets = json_object_get(tensor, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  json_int_t from = json_integer_value(begin), to = json_integer_value(end);
  char expected[96];
  if (!parse_tensor_type(json_string_value(json_object_get(tensor, "dtype")), type))
    return refuse_safetensors(r, key, "a \"dtype\" of whole or real numbers, such as \"I64\"");
  if (json_array_size(shape) != 1 || json_integer_value(json_array_get(shape, 0)) != r->num_experts) {
    snprintf(expected, sizeof expected, "a \"shape\" of [%d], as there are experts", r->num_experts);
    return refuse_safetensors(r, key, expected);
  }
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) || from < 0 || to < from ||
      (uint64_t)to > r->size || to - from != (json_int_t)r->num_experts * type->size) {
    snprintf(expected, sizeof expected, "\"data_offsets\" of %s within %s", eplb_count(r->num_experts, "number"),
             eplb_count(r->size, "byte"));
    return refuse_safetensors(r, key, expected);
  }
  r->used += (size_t)(to - from);
  if (r->used > r->size)
    return refuse_safetensors(r, key, "bytes that no other tensor has");
  r->range[r->num_ranges] = (range_t){key, (size_t)from, (size_t)to, r->num_ranges};
  r->num_ranges++;
  *numbers = r->data + from;
  return EPLB_SUCCESS;
}

static int by_begin(const void *a, const void *b) {
  const range_t *x = a, *y = b;
  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

/* Every byte must be of one tensor. */
static eplb_status_t check_ranges(const reader_t *r) {
  qsort(r->range, r->num_ranges, sizeof *r->range, by_begin);
  for (size_t i = 1; i < r->num_ranges; i++)
    if (r->range[i].begin < r->range[i - 1].end)
      return refuse_safetensors(r, r->range[i].key, "bytes that no other tensor has");
  return r->used == r->size ? EPLB_SUCCESS
                            : eplb_fail(EPLB_ERR_FORMAT, "%s has bytes that belong to no tensor", r->name);
}

static eplb_status_t add_tensor_rows(reader_t *r, const char *key, const json_t *tensor, eplb_rows_t *rows) {
  eplb_raw_type_t type;
  const unsigned char *numbers = NULL;
  int window, layer;
  if (!parse_tensor_name(key, &window, &layer))
    return refuse_safetensors(r, key, "iteration and layer as its name, such as \"100_3\"");
  eplb_status_t status = find_numbers(r, key, tensor, &type, &numbers);
  for (int e = 0; e < r->num_experts && !status; e++)
    status = eplb_rows_add_load(rows, eplb_raw_number(type, numbers + (size_t)e * (size_t)type.size));
  return status ? status : eplb_rows_end_row(rows, window, layer, 0);
}

static eplb_status_t take_header(eplb_input_t *input, json_t **header) {
  unsigned char length[LENGTH_BYTES] = {0}, *text;
  size_t got = eplb_input_read(input, length, sizeof length), size;
  uint64_t wanted = 0;
  json_error_t error;
  for (int i = LENGTH_BYTES - 1; i >= 0; i--)
    wanted = wanted << 8 | length[i];
  if (got < sizeof length || wanted > MAX_HEADER_BYTES)
    return eplb_fail(EPLB_ERR_FORMAT, "%s is not safetensors; expected 8 bytes with the length of its header, up to %d",
                     input->name, MAX_HEADER_BYTES);
  eplb_status_t status = eplb_input_take(input, (size_t)wanted, &text, &size);
  if (status)
    return status;
  *header = size == wanted ? json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error) : NULL;
  free(text);
  if (json_is_object(*header))
    return EPLB_SUCCESS;
  json_decref(*header);
  *header = NULL;
  return eplb_fail(EPLB_ERR_FORMAT, "%s: its first %zu of %s of header are not a JSON object", input->name, size,
                   eplb_count((size_t)wanted, "byte"));
}

eplb_status_t eplb_safetensors_read(eplb_input_t *input, int num_experts, eplb_rows_t *rows) {
  reader_t r = {.name = input->name, .num_experts = num_experts};
  json_t *header = NULL, *tensor;
  const char *key;
  eplb_status_t status = take_header(input, &header);
  if (!status && !(r.range = EPLB_NEW(range_t, json_object_size(header))))
    status = EPLB_ERR_MEMORY;
  if (!status)
    status = eplb_input_take(input, json_object_size(header) * (size_t)num_experts * MAX_NUMBER_BYTES + 1, &r.data,
                             &r.size); /* one more than all tensors can have */
  json_object_foreach(header, key, tensor) {
    if (!status && strcmp(key, "__metadata__"))
      status = add_tensor_rows(&r, key, tensor, rows);
  }
  if (!status)
    status = check_ranges(&r);
  free(r.range);
  free(r.data);
  json_decref(header);
  return status;
}
