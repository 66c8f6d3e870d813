/* Loads from the folder that TensorRT-LLM's expert statistics leave. */
#include "core/formats/json_file.h"
#include "core/formats/json_value.h"
#include "core/formats/loads_in.h"
#include "core/formats/safetensors.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char meta_name[] = "meta_info.json";

/* The path of a file in a folder. EPLB_ERR_IO: too long. */
static eplb_status_t join_path(const char *folder, const char *name, char path[PATH_MAX]) {
  if (snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_IO, "cannot open %s in %.64s...: %s", name, folder, strerror(ENAMETOOLONG));
}

static eplb_status_t read_meta(const char *folder, int *num_experts) {
  char path[PATH_MAX];
  json_t *meta = NULL;
  eplb_status_t status = join_path(folder, meta_name, path);
  if (!status && access(path, F_OK) && errno == ENOENT)
    return eplb_fail(EPLB_ERR_FORMAT, "%s is a folder without %s; expected one of TensorRT-LLM's statistics", folder,
                     meta_name);
  if (!status)
    status = eplb_json_load(path, "TensorRT-LLM's statistics", &meta);
  const json_t *value = json_object_get(meta, "num_experts");
  json_int_t experts = json_integer_value(value);
  if (!status && (experts < 1 || experts > INT_MAX))
    status = eplb_fail(EPLB_ERR_FORMAT, "%s: \"num_experts\" is %s; expected a whole number from 1 to %d", path,
                       json_is_integer(value) ? "another" : eplb_json_type(value), INT_MAX);
  *num_experts = (int)experts;
  json_decref(meta);
  return status;
}

/* One more than the highest rank that has a file; 0 if no rank has one. */
static eplb_status_t count_ranks(const char *folder, int *ranks) {
  DIR *stream = opendir(folder);
  if (!stream)
    return eplb_fail(EPLB_ERR_IO, "cannot read %s: %s", folder, strerror(errno));
  *ranks = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    int rank, length = 0;
    if (sscanf(entry->d_name, "rank%8d.safetensors%n", &rank, &length) == 1 && length && !entry->d_name[length] &&
        rank >= *ranks)
      *ranks = rank + 1;
  }
  closedir(stream);
  return EPLB_SUCCESS;
}

static eplb_status_t read_rank(const char *folder, int rank, int num_experts, eplb_rows_t *rows) {
  char path[PATH_MAX], name[32];
  eplb_input_t input;
  snprintf(name, sizeof name, "rank%d.safetensors", rank);
  eplb_status_t status = join_path(folder, name, path);
  if (!status)
    status = eplb_input_open(path, &input);
  if (status)
    return status;
  status = eplb_safetensors_read(&input, num_experts, rows);
  eplb_input_close(&input);
  return status;
}

/* Each rank has counted the tokens that it routed, or, where all have the same tokens, all of them: added up they are
 * the loads, or a multiple. Ranks of a pipeline have layers of their own. A missing rank would leave tokens out. */
eplb_status_t eplb_loads_from_trtllm(const char *path, eplb_loads_t **loads) {
  int experts, ranks = 0;
  eplb_rows_t rows = {.name = path, .add_up = 1, .may_be_cut = 1};
  eplb_status_t status = read_meta(path, &experts);
  if (!status)
    status = count_ranks(path, &ranks);
  for (int r = 0; !status && (r < ranks || r == 0); r++)
    status = read_rank(path, r, experts, &rows);
  if (!status && rows.num_rows == 0)
    status = eplb_fail(EPLB_ERR_FORMAT, "%s holds no loads; expected tensors such as \"100_3\"", path);
  if (!status)
    status = eplb_rows_assemble(&rows, loads);
  eplb_rows_free(&rows);
  return status;
}
