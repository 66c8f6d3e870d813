/* Reads JSON with Jansson byte by byte: one document, or a stream of values, with the number of the line for error
 * sentences. */
#include "core/formats/json_file.h"
#include "core/util/escape.h"
#include <string.h>

eplb_json_stream_t eplb_json_start(eplb_input_t *input) {
  return (eplb_json_stream_t){.input = input, .line = 1, .ahead = EOF};
}

/* Jansson's callback. One byte at a time, so that what follows a value stays in the file. */
static size_t take_byte(void *buffer, size_t size, void *stream) {
  eplb_json_stream_t *s = stream;
  int byte = s->ahead != EOF ? s->ahead : eplb_input_byte(s->input);
  s->ahead = EOF;
  if (byte == EOF || size == 0)
    return 0;
  s->line += byte == '\n';
  *(char *)buffer = (char)byte;
  return 1;
}

static int is_blank(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Whether there is anything but blanks to come. */
static int skip_blanks(eplb_json_stream_t *s) {
  char byte;
  while (take_byte(&byte, 1, s))
    if (!is_blank(byte)) {
      s->ahead = (unsigned char)byte;
      return 1;
    }
  return 0;
}

eplb_status_t eplb_json_next(eplb_json_stream_t *stream, const char *what, json_t **value, int64_t *line) {
  json_error_t error;
  char shown[sizeof error.text + 4];
  if (!skip_blanks(stream)) {
    *value = NULL;
    return eplb_input_check(stream->input);
  }
  int64_t first = stream->line;
  json_t *read = json_load_callback(take_byte, stream, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
  if (read) {
    *line = first;
    *value = read;
    return EPLB_SUCCESS;
  }
  stream->cut_off = json_error_code(&error) == json_error_premature_end_of_input;
  eplb_status_t status = eplb_input_check(stream->input);
  return status ? status
                : eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: %s; expected %s as JSON", stream->input->name,
                            (long long)first + error.line - 1,
                            eplb_escape(error.text, strlen(error.text), shown, sizeof shown), what);
}

eplb_status_t eplb_json_end(eplb_json_stream_t *stream, const char *what) {
  if (!skip_blanks(stream))
    return eplb_input_check(stream->input);
  return eplb_fail(EPLB_ERR_FORMAT, "%s, line %lld: more than one value; expected %s as JSON", stream->input->name,
                   (long long)stream->line, what);
}

static eplb_status_t load_json(eplb_input_t *input, const char *what, json_t **document) {
  eplb_json_stream_t stream = eplb_json_start(input);
  json_t *value = NULL;
  int64_t line;
  eplb_status_t status = eplb_json_next(&stream, what, &value, &line);
  if (!status && !value)
    return eplb_fail(EPLB_ERR_FORMAT, "%s is empty; expected %s as JSON", input->name, what);
  if (!status)
    status = eplb_json_end(&stream, what);
  if (status)
    json_decref(value);
  else
    *document = value;
  return status;
}

eplb_status_t eplb_json_load(const char *path, const char *what, json_t **document) {
  eplb_input_t input;
  eplb_status_t status = eplb_input_open(path, &input);
  if (status)
    return status;
  status = load_json(&input, what, document);
  eplb_input_close(&input);
  return status;
}
