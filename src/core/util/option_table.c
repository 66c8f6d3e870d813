/* Reads, writes, checks and shows the members of an option struct by its table; a row is the only description of an
 * option. */
#include "core/util/option_table.h"
#include "core/util/count.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value ---- */

double eplb_option_get(const eplb_option_t *option, const void *structure) {
  const char *member = (const char *)structure + option->offset;
  switch (option->type) {
  case EPLB_OPTION_REAL:
    return *(const double *)(const void *)member;
  case EPLB_OPTION_BYTES:
    return (double)*(const size_t *)(const void *)member;
  case EPLB_OPTION_TEXT:
    return 0;
  case EPLB_OPTION_INTEGER:
  case EPLB_OPTION_NAME:
    break;
  }
  int value; /* an enum, too, is stored in the size of an int */
  memcpy(&value, member, sizeof value);
  return value;
}

static const char *text_of(const eplb_option_t *option, const void *structure) {
  return (const char *)structure + option->offset;
}

static void put_value(const eplb_option_t *option, void *structure, double value) {
  char *member = (char *)structure + option->offset;
  int number;
  switch (option->type) {
  case EPLB_OPTION_REAL:
    *(double *)(void *)member = value;
    return;
  case EPLB_OPTION_BYTES:
    *(size_t *)(void *)member = (size_t)value;
    return;
  case EPLB_OPTION_TEXT:
    *member = 0;
    return;
  case EPLB_OPTION_INTEGER:
  case EPLB_OPTION_NAME:
    number = (int)value;
    memcpy(member, &number, sizeof number);
  }
}

void eplb_option_table_reset(const eplb_option_t *option, void *structure) {
  put_value(option, structure, option->preset);
}

int eplb_option_is_preset(const eplb_option_t *option, const void *structure) {
  if (option->type == EPLB_OPTION_TEXT)
    return !text_of(option, structure)[0];
  double value = eplb_option_get(option, structure);
  return value >= option->preset && value <= option->preset;
}

static int is_in_range(const eplb_option_t *o, double value) {
  int above = o->open & EPLB_OPTION_ABOVE_LEAST ? value > o->least : value >= o->least;
  int below = o->open & EPLB_OPTION_BELOW_MOST ? value < o->most : value <= o->most;
  return above && below && (isfinite(value) || o->open & EPLB_OPTION_MAY_BE_INFINITE);
}

/* ---- texts ---- */

/* The text for no limit. */
static const char UNLIMITED[] = "unlimited";

static const char *name_of(const eplb_option_t *o, double value) {
  return value >= 0 && value <= o->most ? o->names[(int)value] : NULL;
}

static int is_unlimited(const eplb_option_t *o, double value) {
  return o->type == EPLB_OPTION_INTEGER && o->preset >= INT_MAX && value >= INT_MAX;
}

static void show_bytes(double bytes, char *text) {
  static const char unit[] = {'G', 'M', 'K'};
  for (int i = 0, shift = 30; shift > 0; i++, shift -= 10)
    if (bytes > 0 && fmod(bytes, ldexp(1, shift)) <= 0) {
      snprintf(text, EPLB_OPTION_TEXT_MAX, "%.0f%c", ldexp(bytes, -shift), unit[i]);
      return;
    }
  snprintf(text, EPLB_OPTION_TEXT_MAX, "%.0f", bytes);
}

/* In the C locale: what is shown can be read back, and has a point whatever the language of the program. */
static void show_real(double value, char *text) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), own = c ? uselocale(c) : c;
  snprintf(text, EPLB_OPTION_TEXT_MAX, "%.6g", value);
  if (c) {
    uselocale(own);
    freelocale(c);
  }
}

/* Also in the C locale. Returns whether the whole text is a number. */
static int parse_real(const char *text, double *value) {
  char *end = NULL;
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  *value = c ? strtod_l(text, &end, c) : strtod(text, &end);
  if (c)
    freelocale(c);
  return end != text && !*end;
}

const char *eplb_option_table_show(const eplb_option_t *option, const void *structure, char *text) {
  double value = eplb_option_get(option, structure);
  const char *name = option->type == EPLB_OPTION_NAME   ? name_of(option, value)
                     : option->type == EPLB_OPTION_TEXT ? text_of(option, structure)
                                                        : NULL;
  if (name || is_unlimited(option, value))
    snprintf(text, EPLB_OPTION_TEXT_MAX, "%s", name ? name : UNLIMITED);
  else if (option->type == EPLB_OPTION_BYTES)
    show_bytes(value, text);
  else if (option->type == EPLB_OPTION_REAL)
    show_real(value, text);
  else
    snprintf(text, EPLB_OPTION_TEXT_MAX, "%.0f", value);
  return text;
}

static const char *list_names(const eplb_option_t *o, char *text) {
  int count = (int)o->most + 1, used = 0;
  for (int i = 0; i < count; i++)
    used += snprintf(text + used, EPLB_OPTION_TEXT_MAX - (size_t)used, "%s%s",
                     i == 0          ? ""
                     : i + 1 < count ? ", "
                                     : " or ",
                     o->names[i]);
  return text;
}

const char *eplb_option_expected(const eplb_option_t *o, char *text) {
  static const char *const noun[] = {"a whole number", "a number", "a number of bytes"};
  if (o->type == EPLB_OPTION_NAME)
    return list_names(o, text);
  if (o->type == EPLB_OPTION_TEXT) {
    snprintf(text, EPLB_OPTION_TEXT_MAX, "a name of 1 to %.0f characters", o->most - 1);
    return text;
  }
  int above = o->open & EPLB_OPTION_ABOVE_LEAST, below = o->open & EPLB_OPTION_BELOW_MOST;
  int used = snprintf(text, EPLB_OPTION_TEXT_MAX, "%s ", noun[o->type]);
  char *rest = text + used;
  size_t room = EPLB_OPTION_TEXT_MAX - (size_t)used;
  if (isinf(o->most) || (o->type == EPLB_OPTION_INTEGER && o->most >= INT_MAX))
    snprintf(rest, room, above ? "above %.6g" : "of %.6g or more", o->least);
  else
    snprintf(rest, room, "%s %.10g %s %.10g", above ? "above" : "from", o->least,
             below   ? "to below"
             : above ? "up to"
                     : "to",
             o->most);
  return text;
}

static eplb_status_t refuse_value(const eplb_option_t *option, const char *label, const char *text) {
  char expected[EPLB_OPTION_TEXT_MAX];
  return eplb_fail(EPLB_ERR_ARGUMENT, "%s is \"%s\"; expected %s%s", label, text,
                   eplb_option_expected(option, expected),
                   option->type == EPLB_OPTION_BYTES ? ", such as 65536, 64K or 4M" : "");
}

/* Returns whether the whole text is a number, and an integer if the option is one. */
static int parse_number(const eplb_option_t *option, const char *text, double *value) {
  char *end;
  errno = 0;
  *value = INT_MAX;
  if (is_unlimited(option, *value) && !strcmp(text, UNLIMITED))
    return 1;
  if (isspace((unsigned char)text[0]))
    return 0;
  if (option->type == EPLB_OPTION_REAL)
    return parse_real(text, value);
  long long whole = strtoll(text, &end, 10);
  int shift = 0;
  if (option->type == EPLB_OPTION_BYTES && end != text)
    shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  *value = ldexp((double)whole, shift);
  return end != text && !errno && !end[shift != 0];
}

static int parse_name(const eplb_option_t *option, const char *text, double *value) {
  for (int i = 0; i <= (int)option->most; i++)
    if (!strcmp(text, option->names[i])) {
      *value = i;
      return 1;
    }
  return 0;
}

static eplb_status_t set_text(const eplb_option_t *option, void *structure, const char *label, const char *text) {
  size_t length = strlen(text);
  if (length < 1 || length >= (size_t)option->most)
    return refuse_value(option, label, text);
  memcpy((char *)structure + option->offset, text, length + 1);
  return EPLB_SUCCESS;
}

eplb_status_t eplb_option_table_set(const eplb_option_t *option, void *structure, const char *label, const char *text) {
  if (option->type == EPLB_OPTION_TEXT)
    return set_text(option, structure, label, text);
  double value = 0;
  int parsed = option->type == EPLB_OPTION_NAME ? parse_name(option, text, &value) : parse_number(option, text, &value);
  if (!parsed || !is_in_range(option, value))
    return refuse_value(option, label, text);
  put_value(option, structure, value);
  return EPLB_SUCCESS;
}

static size_t size_of_option(const eplb_option_t *o) {
  return o->type == EPLB_OPTION_TEXT    ? (size_t)o->most
         : o->type == EPLB_OPTION_REAL  ? sizeof(double)
         : o->type == EPLB_OPTION_BYTES ? sizeof(size_t)
                                        : sizeof(int);
}

int eplb_option_is_within(const eplb_option_t *option, const void *structure) {
  return option->offset + size_of_option(option) <= *(const size_t *)structure;
}

/* ---- all rows of a struct ---- */

void eplb_option_table_init(const eplb_option_table_t *table, void *structure, size_t size) {
  if (!structure || size < sizeof size)
    return;
  memset(structure, 0, size);
  *(size_t *)structure = size;
  for (int i = 0; i < table->num_options; i++)
    if (table->option[i].offset + size_of_option(&table->option[i]) <= size)
      put_value(&table->option[i], structure, table->option[i].preset);
}

/* The member in which a struct of this size would end; or NULL. */
static const eplb_option_t *find_cut_member(const eplb_option_table_t *table, size_t size) {
  for (int i = 0; i < table->num_options; i++)
    if (table->option[i].offset < size && size < table->option[i].offset + size_of_option(&table->option[i]))
      return &table->option[i];
  return NULL;
}

eplb_status_t eplb_option_table_take(const eplb_option_table_t *table, const void *given, void *structure) {
  if (!given)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s are NULL; expected a struct that %s has prepared", table->title,
                     table->init);
  size_t size = *(const size_t *)given;
  if (size <= sizeof size || size > table->size)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s; expected up to %zu: call %s", table->title, eplb_count(size, "byte"),
                     table->size, table->init);
  const eplb_option_t *torn = find_cut_member(table, size);
  if (torn)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s of %s, which ends within %s; expected a size that %s has set", table->title,
                     eplb_count(size, "byte"), torn->name, table->init);
  memcpy(structure, given, size);
  *(size_t *)structure = table->size;
  return EPLB_SUCCESS;
}

eplb_status_t eplb_option_table_check(const eplb_option_table_t *table, const void *structure) {
  char text[EPLB_OPTION_TEXT_MAX], expected[EPLB_OPTION_TEXT_MAX];
  for (int i = 0; i < table->num_options; i++) {
    const eplb_option_t *o = &table->option[i];
    double value = eplb_option_get(o, structure);
    if (o->type == EPLB_OPTION_TEXT && !memchr(text_of(o, structure), 0, (size_t)o->most))
      return eplb_fail(EPLB_ERR_ARGUMENT, "%s has no end; expected %s", o->name, eplb_option_expected(o, expected));
    if (o->type != EPLB_OPTION_TEXT && !is_in_range(o, value))
      return eplb_fail(EPLB_ERR_ARGUMENT, "%s is %s; expected %s", o->name, eplb_option_table_show(o, structure, text),
                       eplb_option_expected(o, expected));
  }
  return EPLB_SUCCESS;
}

eplb_option_table_t eplb_option_table_of(const char *structure) {
  eplb_option_table_t table = {.title = structure};
  const eplb_option_t *row;
  for (int i = 0; (row = eplb_option_describe(i)); i++)
    if (!strcmp(row->structure, structure) && table.num_options++ == 0)
      table.option = row;
  return table;
}

static int is_same_letter(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b) || (a == '_' && b == '-');
}

const eplb_option_t *eplb_option_find(const eplb_option_table_t *table, const char *name, size_t length) {
  for (int i = 0; i < table->num_options; i++) {
    const char *own = table->option[i].name;
    size_t same = 0;
    while (same < length && own[same] && is_same_letter(own[same], name[same]))
      same++;
    if (same == length && !own[same])
      return &table->option[i];
  }
  return NULL;
}
