/* Files of loads of any content: refused with a sentence, or a recording that holds together. */
#ifndef TESTS_FUZZ_LOADS_H
#define TESTS_FUZZ_LOADS_H

#include "core/formats/input.h"
#include "fuzz.h"
#include <eplb/formats.h>

static inline void fuzz_check_loads(eplb_status_t status, const eplb_loads_t *l) {
  if (status) {
    fuzz_expect(!l && (status == EPLB_ERR_FORMAT || status == EPLB_ERR_LOADS));
    fuzz_expect(strstr(eplb_last_error(), "input"));
    return;
  }
  fuzz_expect(l->num_windows >= 1 && l->num_layers >= 1 && l->num_experts >= 1 && l->layer_id[0] >= 0);
  for (int i = 1; i < l->num_layers; i++)
    fuzz_expect(l->layer_id[i] > l->layer_id[i - 1]);
  const double *load = eplb_loads_window(l, 0); /* what is too little to be planned for is the planner's to refuse */
  for (int64_t i = 0; i < (int64_t)l->num_windows * l->num_layers * l->num_experts; i++)
    fuzz_expect(load[i] >= 0 && load[i] < 0x1p63);
}

/* A file of these bytes, to be closed with fclose. */
static inline FILE *fuzz_open(const uint8_t *data, size_t size, eplb_input_t *input) {
  FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "rb") : fopen("/dev/null", "rb");
  fuzz_expect(file && !eplb_input_start("input", file, input));
  return file;
}

static inline void fuzz_loads(const uint8_t *data, size_t size,
                              eplb_status_t (*read)(eplb_input_t *input, eplb_loads_t **loads)) {
  eplb_input_t input;
  eplb_loads_t *loads = NULL;
  FILE *file = fuzz_open(data, size, &input);
  eplb_status_t status = read(&input, &loads);
  fuzz_check_loads(status, loads);
  eplb_loads_destroy(&loads);
  fclose(file);
}

#endif
