/* The same loads in every form that is read: all of them read equal. */
#include "loads_forms.h"
#include "folder.h"
#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <string.h>

/* Names tell nothing. */
static FILE *open_file(void) {
  FILE *file = fopen(folder_path("loads"), "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static void close_and_check(FILE *file, const eplb_loads_t *l) {
  fclose(file);
  eplb_loads_t *again = loads_file_read(folder_path("loads"));
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
}

/* Layers without numbers of their own, and loads that fit into any type. */
static eplb_loads_t *recording(rng_t *rng) {
  eplb_loads_t *l = random_recording(rng, 5);
  for (int i = 0; i < l->num_layers; i++)
    l->layer_id[i] = i;
  for (int i = 0; i < l->num_windows * l->num_layers * l->num_experts; i++)
    l->load[i] = rng_between(rng, 0, 127);
  return l;
}

static void check_csv(rng_t *rng) {
  eplb_loads_t *l = recording(rng);
  CU_ASSERT_EQUAL_FATAL(eplb_loads_write(folder_path("loads"), l), EPLB_SUCCESS);
  eplb_loads_t *again = loads_file_read(folder_path("loads"));
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
  eplb_loads_destroy(&l);
}

static void check_json(rng_t *rng) {
  static void (*const forms[])(FILE *, const eplb_loads_t *) = {form_count, form_array, form_history};
  eplb_loads_t *l = recording(rng);
  for (int i = 0; i < 3; i++) {
    FILE *file = open_file();
    forms[i](file, l);
    close_and_check(file, l);
  }
  eplb_loads_destroy(&l);
}

static void check_records(rng_t *rng) {
  eplb_loads_t *l = recording(rng);
  FILE *file = open_file();
  form_records(file, l, rng);
  close_and_check(file, l);
  eplb_loads_destroy(&l);
}

static void check_npy(rng_t *rng) {
  static const char *const types[] = {"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"};
  eplb_loads_t *l = recording(rng);
  for (int i = 0; i < 4 * (int)(sizeof types / sizeof *types); i++) {
    FILE *file = open_file();
    form_npy(file, l, rng_between(rng, 1, 3), types[i / 4][0], types[i / 4][1] - '0', i & 1, i >> 1 & 1);
    close_and_check(file, l);
  }
  eplb_loads_destroy(&l);
}

static void put_meta(int experts) {
  char text[64];
  snprintf(text, sizeof text, "{\"num_experts\": %d, \"num_experts_per_token\": 8}", experts);
  folder_put("meta_info.json", text, strlen(text));
}

static FILE *open_rank(int rank) {
  char name[32];
  snprintf(name, sizeof name, "rank%d.safetensors", rank);
  FILE *file = fopen(folder_path(name), "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static void remove_ranks(int ranks) {
  char name[32];
  for (int r = 0; r < ranks; r++) {
    snprintf(name, sizeof name, "rank%d.safetensors", r);
    remove(folder_path(name));
  }
}

/* Layers have numbers here; what else is in the folder does not matter. */
static void check_statistics(rng_t *rng) {
  eplb_loads_t *l = random_recording(rng, 5);
  int ranks = rng_between(rng, 1, 4);
  put_meta(l->num_experts);
  folder_put("rank0_raw.safetensors", "x", 1);
  for (int r = 0; r < ranks; r++) {
    FILE *file = open_rank(r);
    form_rank(file, l, r, ranks, rng);
    fclose(file);
  }
  eplb_loads_t *again = loads_file_read(folder_path(""));
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
  eplb_loads_destroy(&l);
  remove_ranks(ranks);
}

/* A pipeline: each rank has layers that others have not. */
static void layers_of_several_ranks_are_put_together(void) {
  static const int layers[] = {3, 4, 7, 8};
  rng_t rng = {1};
  eplb_loads_t *part[2];
  put_meta(3);
  for (int r = 0; r < 2; r++) {
    CU_ASSERT_EQUAL_FATAL(eplb_loads_create(2, 2, 3, &part[r]), EPLB_SUCCESS);
    part[r]->layer_id[0] = 7 - 4 * r;
    part[r]->layer_id[1] = 8 - 4 * r;
    random_loads(&rng, 12, part[r]->load);
    FILE *file = open_rank(r);
    form_rank(file, part[r], 0, 1, &rng);
    fclose(file);
  }
  eplb_loads_t *l = loads_file_read(folder_path(""));
  CU_ASSERT_FATAL(l->num_windows == 2 && l->num_layers == 4 && l->num_experts == 3);
  for (int i = 0; i < 4; i++)
    CU_ASSERT_EQUAL(l->layer_id[i], layers[i]);
  for (int w = 0; w < 2; w++)
    for (int r = 0; r < 2; r++)
      CU_ASSERT(!memcmp(l->load + (4 * w + 2 * (1 - r)) * 3, part[r]->load + 6 * w, 6 * sizeof *l->load));
  eplb_loads_destroy(&l);
  eplb_loads_destroy(&part[0]);
  eplb_loads_destroy(&part[1]);
  remove_ranks(2);
}

static void check_stdin(const eplb_loads_t *l) {
  CU_ASSERT_PTR_NOT_NULL_FATAL(freopen(folder_path("loads"), "r", stdin));
  eplb_loads_t *again = loads_file_read("-");
  CU_ASSERT(same_loads(l, again));
  eplb_loads_destroy(&again);
}

static void standard_input_has_any_form(void) {
  rng_t rng = {1};
  eplb_loads_t *l = recording(&rng);
  FILE *file = open_file();
  form_npy(file, l, 1, 'i', 8, 0, 0);
  fclose(file);
  check_stdin(l);
  file = open_file();
  form_records(file, l, &rng);
  fclose(file);
  check_stdin(l);
  eplb_loads_destroy(&l);
}

static void csv_reads_equal(void) {
  shapes_try(100, 1, check_csv);
}

static void json_reads_equal(void) {
  shapes_try(100, 1, check_json);
}

static void records_read_equal(void) {
  shapes_try(200, 1, check_records);
}

static void npy_reads_equal(void) {
  shapes_try(30, 1, check_npy);
}

static void statistics_read_equal(void) {
  shapes_try(100, 1, check_statistics);
}

int main(void) {
  static const tap_test_t tests[] = {
      {"CSV reads equal", csv_reads_equal},
      {"JSON reads equal", json_reads_equal},
      {"JSON lines read equal", records_read_equal},
      {"arrays of NumPy read equal, of every type and order", npy_reads_equal},
      {"statistics of all ranks read equal", statistics_read_equal},
      {"layers of several ranks are put together", layers_of_several_ranks_are_put_together},
      {"standard input has any form", standard_input_has_any_form},
      {NULL, NULL}};
  folder_make();
  int failed = tap_run("loads_forms", tests);
  folder_remove();
  return failed;
}
