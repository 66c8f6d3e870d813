#include "loads_file.h"
#include "tap.h"
#include <stdio.h>
#include <string.h>

eplb_loads_t *loads_file_read(const char *path) {
  eplb_loads_t *l = NULL;
  eplb_status_t status = eplb_loads_read(path, &l);
  if (status)
    printf("# %s\n", eplb_last_error());
  CU_ASSERT_EQUAL_FATAL(status, EPLB_SUCCESS);
  return l;
}

eplb_status_t loads_file_refused(const char *path) {
  eplb_loads_t untouched, *l = &untouched;
  eplb_status_t status = eplb_loads_read(path, &l);
  CU_ASSERT_PTR_EQUAL(l, &untouched);
  const char *sentence = eplb_last_error();
  CU_ASSERT_PTR_NOT_NULL(strstr(sentence, path));
  for (; *sentence; sentence++)
    CU_ASSERT((unsigned char)*sentence >= ' ' && *sentence != 0x7f);
  return status;
}

void loads_file_refuse(const char *path, eplb_status_t status, const char *text) {
  CU_ASSERT_EQUAL(loads_file_refused(path), status);
  CU_ASSERT_PTR_NOT_NULL(strstr(eplb_last_error(), text));
  if (!strstr(eplb_last_error(), text))
    printf("# %s\n# expected in it: %s\n", eplb_last_error(), text);
}

eplb_loads_t *random_recording(rng_t *rng, int most_windows) {
  eplb_loads_t *l = NULL;
  int windows = rng_between(rng, 1, most_windows), layers = rng_between(rng, 1, 5), experts = rng_between(rng, 1, 9);
  CU_ASSERT_EQUAL_FATAL(eplb_loads_create(windows, layers, experts, &l), EPLB_SUCCESS);
  random_loads(rng, (size_t)(windows * layers * experts), l->load);
  for (int i = 0, id = 0; i < layers; i++)
    l->layer_id[i] = id += rng_between(rng, i > 0, 3);
  return l;
}

int same_loads(const eplb_loads_t *a, const eplb_loads_t *b) {
  if (a->num_windows != b->num_windows || a->num_layers != b->num_layers || a->num_experts != b->num_experts)
    return 0;
  size_t layers = (size_t)a->num_layers, values = (size_t)a->num_windows * layers * (size_t)a->num_experts;
  return !memcmp(a->layer_id, b->layer_id, layers * sizeof *a->layer_id) &&
         !memcmp(a->load, b->load, values * sizeof *a->load);
}
