/* Reads a file or standard input once, from front to back. The first bytes can be inspected before they are read, so
 * that a reader can choose the format of a pipe, too. */
#include "core/formats/input.h"
#include "core/util/alloc.h"
#include <errno.h>
#include <string.h>

const char *eplb_input_name(const char *path) {
  return strcmp(path, "-") ? path : "standard input";
}

eplb_status_t eplb_input_start(const char *name, FILE *file, eplb_input_t *input) {
  *input = (eplb_input_t){.name = name, .file = file};
  input->num_first = fread(input->first, 1, EPLB_INPUT_FIRST, file);
  if (input->num_first >= 3 && !memcmp(input->first, "\357\273\277", 3)) /* UTF-8's byte order mark */
    input->num_taken = 3;
  return eplb_input_check(input);
}

eplb_status_t eplb_input_open(const char *path, eplb_input_t *input) {
  if (!*path)
    return eplb_fail(EPLB_ERR_ARGUMENT, "the name of the file to read is empty");
  const char *name = eplb_input_name(path);
  FILE *file = name == path ? fopen(path, "rb") : stdin;
  if (!file)
    return eplb_fail(EPLB_ERR_IO, "cannot open %s: %s", name, strerror(errno));
  eplb_status_t status = eplb_input_start(name, file, input);
  if (status)
    eplb_input_close(input);
  return status;
}

void eplb_input_close(eplb_input_t *input) {
  if (input->file != stdin)
    fclose(input->file);
  input->file = NULL;
}

char eplb_input_first(const eplb_input_t *input) {
  size_t i = input->num_taken;
  while (i < input->num_first && input->first[i] && strchr(" \t\r\n", input->first[i]))
    i++;
  return i < input->num_first ? input->first[i] : 0;
}

size_t eplb_input_read(eplb_input_t *input, void *bytes, size_t size) {
  size_t seen = input->num_first - input->num_taken, here = seen < size ? seen : size;
  memcpy(bytes, input->first + input->num_taken, here);
  input->num_taken += here;
  return here == size ? size : here + fread((char *)bytes + here, 1, size - here, input->file);
}

int eplb_input_byte(eplb_input_t *input) {
  if (input->num_taken < input->num_first)
    return (unsigned char)input->first[input->num_taken++];
  return getc_unlocked(input->file);
}

eplb_status_t eplb_input_check(const eplb_input_t *input) {
  if (!ferror(input->file))
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", input->name, strerror(errno));
}

eplb_status_t eplb_input_take(eplb_input_t *input, size_t most, unsigned char **bytes, size_t *size) {
  unsigned char *all = NULL;
  size_t room = 0, used = 0;
  eplb_status_t status = EPLB_SUCCESS;
  do {
    room = room ? 2 * room : 1 << 16;
    room = room < most ? room : most;
    unsigned char *grown = eplb_grow(all, room + 1, 1);
    status = grown ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
    if (status)
      break;
    all = grown;
    used += eplb_input_read(input, all + used, room - used);
  } while (used == room && room < most);
  if (!status)
    status = eplb_input_check(input);
  if (status) {
    free(all);
    return status;
  }
  all[used] = 0;
  *bytes = all;
  *size = used;
  return EPLB_SUCCESS;
}
