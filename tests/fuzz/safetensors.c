/* Loads in safetensors: the first byte is the number of experts, the rest the file. */
#include "core/formats/safetensors.h"
#include "loads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eplb_input_t input;
  eplb_loads_t *loads = NULL;
  eplb_rows_t rows = {.name = "input", .add_up = 1};
  if (size == 0)
    return 0;
  FILE *file = fuzz_open(data + 1, size - 1, &input);
  eplb_status_t status = eplb_safetensors_read(&input, data[0] + 1, &rows);
  if (!status && rows.num_rows)
    status = eplb_rows_assemble(&rows, &loads);
  if (status || loads)
    fuzz_check_loads(status, loads);
  eplb_loads_destroy(&loads);
  eplb_rows_free(&rows);
  fclose(file);
  return 0;
}
