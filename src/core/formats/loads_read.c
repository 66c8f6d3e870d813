/* Reads loads from a file of any supported format, which its first bytes show. */
#include "core/formats/loads_in.h"
#include <string.h>
#include <sys/stat.h>

typedef eplb_status_t reader_t(eplb_input_t *input, eplb_loads_t **loads);

/* Whether the first bytes are those of `mark`, from byte `at` on. */
static int has_mark(const eplb_input_t *input, size_t at, const char *mark) {
  size_t length = strlen(mark);
  at += input->num_taken;
  return input->num_first >= at + length && !memcmp(input->first + at, mark, length);
}

/* Files that people take for loads, and what to give instead. */
static eplb_status_t refuse_others(const eplb_input_t *input) {
  static const struct {
    size_t at;
    const char *mark, *sentence;
  } other[] = {{0, "PK\3\4", "is a ZIP archive, as .npz and .pt are; expected an array of it as .npy"},
               {0, "\377\376", "is UTF-16; expected UTF-8, such as \"CSV UTF-8\" of a spreadsheet"},
               {0, "\376\377", "is UTF-16; expected UTF-8, such as \"CSV UTF-8\" of a spreadsheet"},
               {0, "\37\213", "is compressed by gzip; expected the uncompressed file"},
               {8, "{\"", "looks like safetensors; expected the folder that it is in, if it is TensorRT-LLM's"}};
  for (size_t i = 0; i < sizeof other / sizeof *other; i++)
    if (has_mark(input, other[i].at, other[i].mark))
      return eplb_fail(EPLB_ERR_FORMAT, "%s %s", input->name, other[i].sentence);
  return EPLB_SUCCESS;
}

static reader_t *find_reader(const eplb_input_t *input) {
  if (has_mark(input, 0, "\223NUMPY"))
    return eplb_loads_from_npy;
  char first = eplb_input_first(input);
  return first == '{' || first == '[' ? eplb_loads_from_json : eplb_loads_from_csv;
}

static eplb_status_t read_loads_file(const char *path, eplb_loads_t **loads) {
  eplb_input_t input;
  eplb_status_t status = eplb_input_open(path, &input);
  if (status)
    return status;
  reader_t *read = find_reader(&input);
  if (read == eplb_loads_from_csv)
    status = refuse_others(&input);
  if (!status)
    status = read(&input, loads);
  eplb_input_close(&input);
  return status;
}

eplb_status_t eplb_loads_read(const char *path, eplb_loads_t **loads) {
  struct stat info;
  if (!path || !loads)
    return eplb_fail(EPLB_ERR_ARGUMENT, "%s is NULL", path ? "loads" : "path");
  if (strcmp(path, "-") && !stat(path, &info) && S_ISDIR(info.st_mode))
    return eplb_loads_from_trtllm(path, loads);
  return read_loads_file(path, loads);
}
