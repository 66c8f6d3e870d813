/* Parses the header of a .npy file: a Python dictionary with the type, the order and the shape of the array. Only the
 * three members of NEP 1 are accepted. */
#include "core/formats/npy_header.h"
#include "core/util/count.h"
#include "core/util/escape.h"
#include <stdlib.h>
#include <string.h>

enum { PREAMBLE_BYTES = 8, MAX_BYTES = 1 << 16, MAX_SIZE_DIGITS = 9, NUM_MEMBERS = 3 };

/* The text is a Python dictionary. */
typedef struct parser {
  const char *name; /* of the file, in sentences */
  const char *next; /* what is left, with a zero behind it */
  eplb_npy_header_t *header;
  unsigned seen; /* bit by bit, the members that have been */
} parser_t;

static void skip_header_blanks(parser_t *p) {
  p->next += strspn(p->next, " \t\n");
}

static eplb_status_t refuse_npy(parser_t *p, const char *expected) {
  char shown[EPLB_SHOWN];
  skip_header_blanks(p);
  return eplb_fail(EPLB_ERR_FORMAT, "%s: the header continues with \"%s\"; expected %s", p->name,
                   eplb_escape(p->next, strlen(p->next), shown, sizeof shown), expected);
}

/* Whether the text goes on with `word`, which is then behind. */
static int skip(parser_t *p, const char *word) {
  size_t length = strlen(word);
  skip_header_blanks(p);
  if (strncmp(p->next, word, length))
    return 0;
  p->next += length;
  return 1;
}

/* The same for a word in single or double quotation marks. */
static int skip_quoted(parser_t *p, const char *word) {
  const char *from = p->next;
  if (skip(p, "'") && skip(p, word) && skip(p, "'"))
    return 1;
  p->next = from;
  if (skip(p, "\"") && skip(p, word) && skip(p, "\""))
    return 1;
  p->next = from;
  return 0;
}

/* Such as '<i8'. Numbers of one byte have '|' in place of an order. */
static eplb_status_t parse_header_type(parser_t *p) {
  for (const char *order = "<>|"; *order; order++)
    for (const char *kind = "iuf"; *kind; kind++)
      for (const char *size = "1248"; *size; size++) {
        const char word[] = {*order, *kind, *size, '\0'};
        p->header->type = (eplb_raw_type_t){.kind = *kind, .size = *size - '0', .big = *order == '>'};
        if ((*order == '|') == (*size == '1') && eplb_raw_is_known(p->header->type) && skip_quoted(p, word))
          return EPLB_SUCCESS;
      }
  return refuse_npy(p, "whole numbers of 1, 2, 4 or 8 bytes or real ones of 2, 4 or 8, such as '<i8'");
}

static eplb_status_t take_order(parser_t *p) {
  p->header->fortran_order = skip(p, "True");
  return p->header->fortran_order || skip(p, "False") ? EPLB_SUCCESS : refuse_npy(p, "True or False");
}

/* Reads a number of at least 1; returns 0 if there is no number or it has too many digits. */
static int take_size(parser_t *p) {
  skip_header_blanks(p);
  size_t digits = strspn(p->next, "0123456789");
  int size = digits <= MAX_SIZE_DIGITS ? atoi(p->next) : 0;
  p->next += digits;
  return digits ? size : 0;
}

static eplb_status_t take_shape(parser_t *p) {
  eplb_npy_header_t *h = p->header;
  const char *from = p->next;
  int good = skip(p, "("), comma = 1;
  for (h->num_axes = 0; good && !skip(p, ")"); h->num_axes++) {
    int size = comma && h->num_axes < EPLB_NPY_MAX_AXES ? take_size(p) : 0;
    good = size > 0;
    if (good)
      h->size[h->num_axes] = size;
    comma = skip(p, ",");
  }
  if (good && h->num_axes >= 2)
    return EPLB_SUCCESS;
  p->next = from;
  return refuse_npy(p, "a shape (layers, experts) or (windows, layers, experts), from 1 to 999999999 each");
}

/* One member, each of which comes once. */
static eplb_status_t take_member(parser_t *p) {
  static const struct {
    const char *key;
    eplb_status_t (*take)(parser_t *);
  } members[NUM_MEMBERS] = {{"descr", parse_header_type}, {"fortran_order", take_order}, {"shape", take_shape}};
  for (int i = 0; i < NUM_MEMBERS; i++)
    if (!(p->seen >> i & 1) && skip_quoted(p, members[i].key)) {
      p->seen |= 1u << i;
      return skip(p, ":") ? members[i].take(p) : refuse_npy(p, "a colon");
    }
  return refuse_npy(p, "'descr', 'fortran_order' and 'shape', each once");
}

static eplb_status_t take_dictionary(parser_t *p) {
  eplb_status_t status = skip(p, "{") ? EPLB_SUCCESS : refuse_npy(p, "a dictionary");
  for (int i = 0; i < NUM_MEMBERS && !status; i++) {
    status = take_member(p);
    if (!status && !skip(p, ",") && i < NUM_MEMBERS - 1)
      status = refuse_npy(p, "a comma");
  }
  if (status)
    return status;
  if (!skip(p, "}"))
    return refuse_npy(p, "its end");
  skip_header_blanks(p);
  return *p->next ? refuse_npy(p, "its end") : EPLB_SUCCESS;
}

/* The text of the header, the caller's. Its length has 2 bytes, and from version 2 on 4. */
static eplb_status_t take_text(eplb_input_t *input, char **text) {
  unsigned char preamble[PREAMBLE_BYTES], length[4] = {0};
  size_t got = eplb_input_read(input, preamble, sizeof preamble), size;
  int version = got == sizeof preamble ? preamble[6] : 0;
  if (version < 1 || version > 3)
    return eplb_fail(EPLB_ERR_FORMAT, "%s is NumPy's format, version %d; expected version 1 to 3", input->name,
                     version);
  got = eplb_input_read(input, length, version == 1 ? 2 : 4);
  size_t wanted = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
  if (wanted > MAX_BYTES)
    return eplb_fail(EPLB_ERR_FORMAT, "%s has a header of %s; expected no more than %d", input->name,
                     eplb_count(wanted, "byte"), MAX_BYTES);
  unsigned char *bytes;
  eplb_status_t status = eplb_input_take(input, wanted, &bytes, &size);
  if (!status && (size < wanted || got < 2)) {
    free(bytes);
    return eplb_fail(EPLB_ERR_FORMAT, "%s ends within its header", input->name);
  }
  if (!status)
    *text = (char *)bytes;
  return status;
}

eplb_status_t eplb_npy_read_header(eplb_input_t *input, eplb_npy_header_t *header) {
  char *text = NULL;
  eplb_status_t status = take_text(input, &text);
  if (status)
    return status;
  parser_t p = {.name = input->name, .next = text, .header = header};
  status = take_dictionary(&p);
  free(text);
  return status;
}
