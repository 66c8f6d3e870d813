/* Converts YAML into the values of Jansson with libyaml's events. Aliases are refused: nested ones make a small file
 * huge. */
#include "core/formats/yaml_value.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 16 };

typedef struct reader {
  eplb_input_t *input;
  const char *what;
  yaml_parser_t parser;
} reader_t;

/* libyaml's callback. */
static int read_some(void *input, unsigned char *buffer, size_t size, size_t *got) {
  *got = eplb_input_read(input, buffer, size);
  return !eplb_input_check(input);
}

static eplb_status_t yaml_out_of_memory(const reader_t *r) {
  return eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s", r->input->name);
}

static eplb_status_t refuse_yaml(const reader_t *r, const yaml_mark_t *mark, const char *found) {
  return eplb_fail(EPLB_ERR_FORMAT, "%s, line %zu: %s; expected %s as JSON or YAML", r->input->name, mark->line + 1,
                   found, r->what);
}

static eplb_status_t next(reader_t *r, yaml_event_t *event) {
  if (yaml_parser_parse(&r->parser, event))
    return EPLB_SUCCESS;
  if (r->parser.error == YAML_MEMORY_ERROR)
    return yaml_out_of_memory(r);
  eplb_status_t status = eplb_input_check(r->input);
  return status ? status : refuse_yaml(r, &r->parser.problem_mark, r->parser.problem ? r->parser.problem : "no YAML");
}

static json_t *scalar(const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t length = event->data.scalar.length;
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  int is_number = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && length > 0 && end == text + length && !errno;
  return is_number ? json_integer(number) : json_stringn_nocheck(text, length);
}

static eplb_status_t build_value(reader_t *r, yaml_event_t *event, int depth, json_t **value);

/* The elements from the next event on. */
static eplb_status_t build_array(reader_t *r, int depth, json_t *array) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int more = 1; more && !status;) {
    yaml_event_t event;
    json_t *value = NULL;
    status = next(r, &event);
    if (status)
      break;
    more = event.type != YAML_SEQUENCE_END_EVENT;
    if (more)
      status = build_value(r, &event, depth, &value);
    yaml_event_delete(&event);
    if (more && !status && json_array_append_new(array, value))
      status = yaml_out_of_memory(r);
  }
  return status;
}

/* The value that the key `event` names. */
static eplb_status_t build_member(reader_t *r, const yaml_event_t *event, int depth, json_t *object) {
  const char *key = (const char *)event->data.scalar.value;
  yaml_event_t following;
  json_t *value = NULL;
  if (event->type != YAML_SCALAR_EVENT || strlen(key) != event->data.scalar.length)
    return refuse_yaml(r, &event->start_mark, "a key is not a text");
  if (json_object_get(object, key))
    return refuse_yaml(r, &event->start_mark, "a key comes twice");
  eplb_status_t status = next(r, &following);
  if (status)
    return status;
  status = build_value(r, &following, depth, &value);
  yaml_event_delete(&following);
  if (!status && json_object_set_new_nocheck(object, key, value))
    status = yaml_out_of_memory(r);
  return status;
}

static eplb_status_t build_object(reader_t *r, int depth, json_t *object) {
  eplb_status_t status = EPLB_SUCCESS;
  for (int more = 1; more && !status;) {
    yaml_event_t event;
    status = next(r, &event);
    if (status)
      break;
    more = event.type != YAML_MAPPING_END_EVENT;
    if (more)
      status = build_member(r, &event, depth, object);
    yaml_event_delete(&event);
  }
  return status;
}

/* The value that begins with `event`. On failure *value is NULL. */
static eplb_status_t build_value(reader_t *r, yaml_event_t *event, int depth, json_t **value) {
  eplb_status_t status = EPLB_SUCCESS;
  int is_array = event->type == YAML_SEQUENCE_START_EVENT;
  if (event->type == YAML_ALIAS_EVENT)
    return refuse_yaml(r, &event->start_mark, "an alias");
  if (depth == MAX_DEPTH)
    return refuse_yaml(r, &event->start_mark, "values too deep in each other");
  *value = event->type == YAML_SCALAR_EVENT ? scalar(event) : is_array ? json_array() : json_object();
  if (!*value)
    return yaml_out_of_memory(r);
  if (event->type != YAML_SCALAR_EVENT)
    status = is_array ? build_array(r, depth + 1, *value) : build_object(r, depth + 1, *value);
  if (status) {
    json_decref(*value);
    *value = NULL;
  }
  return status;
}

/* The next event, which must be of `type`. */
static eplb_status_t expect_event(reader_t *r, yaml_event_type_t type, const char *otherwise) {
  yaml_event_t event;
  eplb_status_t status = next(r, &event);
  if (status)
    return status;
  if (event.type != type)
    status = refuse_yaml(r, &event.start_mark, otherwise);
  yaml_event_delete(&event);
  return status;
}

static eplb_status_t load_yaml(reader_t *r, json_t **document) {
  yaml_event_t event;
  json_t *value = NULL;
  eplb_status_t status = expect_event(r, YAML_STREAM_START_EVENT, "no YAML");
  if (!status)
    status = expect_event(r, YAML_DOCUMENT_START_EVENT, "nothing");
  if (!status)
    status = next(r, &event);
  if (status)
    return status;
  status = build_value(r, &event, 0, &value);
  yaml_event_delete(&event);
  if (!status)
    status = expect_event(r, YAML_DOCUMENT_END_EVENT, "more than one value");
  if (!status)
    status = expect_event(r, YAML_STREAM_END_EVENT, "more than one document");
  if (status)
    json_decref(value);
  else
    *document = value;
  return status;
}

eplb_status_t eplb_yaml_load(eplb_input_t *input, const char *what, json_t **document) {
  reader_t r = {.input = input, .what = what};
  if (!yaml_parser_initialize(&r.parser))
    return yaml_out_of_memory(&r);
  yaml_parser_set_input(&r.parser, read_some, input);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  eplb_status_t status = load_yaml(&r, document);
  yaml_parser_delete(&r.parser);
  return status;
}
