/* Every allocation of reading loads fails once, in every form. */
#include "failing_memory.h"
#include "folder.h"
#include "loads_file.h"
#include "loads_forms.h"
#include "tap.h"
#include <stdio.h>
#include <string.h>

enum { MOST_ALLOCATIONS = 1000 };

static eplb_loads_t *recording(void) {
  rng_t rng = {1};
  eplb_loads_t *l = NULL;
  CU_ASSERT_EQUAL_FATAL(eplb_loads_create(3, 4, 50, &l), EPLB_SUCCESS);
  random_loads(&rng, 3 * 4 * 50, l->load);
  return l;
}

/* Reads with the n-th allocation failing. Returns whether it failed, as it must unless it needs fewer. */
static int read_failing(const char *path, int n) {
  eplb_loads_t *l = NULL;
  long live = failing_memory_live();
  eplb_fail(EPLB_SUCCESS, "%s", "");
  failing_memory_after(n);
  eplb_status_t status = eplb_loads_read(path, &l);
  CU_ASSERT_EQUAL(status, failing_memory_failures() ? EPLB_ERR_MEMORY : EPLB_SUCCESS);
  failing_memory_after(-1);
  if (status) {
    CU_ASSERT_PTR_NULL(l);
    CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), "memory"));
  }
  eplb_loads_destroy(&l);
  CU_ASSERT_EQUAL(failing_memory_live(), live);
  return status != EPLB_SUCCESS;
}

static void exhaust(const char *path) {
  int n = 0;
  while (n < MOST_ALLOCATIONS && read_failing(path, n))
    n++;
  CU_ASSERT(n > 3 && n < MOST_ALLOCATIONS);
}

static FILE *open_file(const char *name) {
  FILE *file = fopen(folder_path(name), "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static void csv_survives_any_failure(void) {
  eplb_loads_t *l = recording();
  CU_ASSERT_EQUAL(eplb_loads_write(folder_path("loads"), l), EPLB_SUCCESS);
  exhaust(folder_path("loads"));
  eplb_loads_destroy(&l);
}

static void json_survives_any_failure(void) {
  eplb_loads_t *l = recording();
  FILE *file = open_file("loads");
  form_history(file, l);
  fclose(file);
  exhaust(folder_path("loads"));
  eplb_loads_destroy(&l);
}

static void records_survive_any_failure(void) {
  rng_t rng = {1};
  eplb_loads_t *l = recording();
  FILE *file = open_file("loads");
  form_records(file, l, &rng);
  fclose(file);
  exhaust(folder_path("loads"));
  eplb_loads_destroy(&l);
}

static void npy_survives_any_failure(void) {
  eplb_loads_t *l = recording();
  FILE *file = open_file("loads");
  form_npy(file, l, 1, 'f', 8, 0, 1);
  fclose(file);
  exhaust(folder_path("loads"));
  eplb_loads_destroy(&l);
}

static void statistics_survive_any_failure(void) {
  rng_t rng = {1};
  eplb_loads_t *l = recording();
  folder_put("meta_info.json", "{\"num_experts\": 50}", 19);
  for (int r = 0; r < 2; r++) {
    FILE *file = open_file(r ? "rank1.safetensors" : "rank0.safetensors");
    form_rank(file, l, r, 2, &rng);
    fclose(file);
  }
  exhaust(folder_path(""));
  eplb_loads_destroy(&l);
}

int main(void) {
  static const tap_test_t tests[] = {{"CSV survives any failure", csv_survives_any_failure},
                                     {"JSON survives any failure", json_survives_any_failure},
                                     {"JSON lines survive any failure", records_survive_any_failure},
                                     {"arrays of NumPy survive any failure", npy_survives_any_failure},
                                     {"statistics survive any failure", statistics_survive_any_failure},
                                     {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_memory", tests);
  folder_remove();
  return failed;
}
