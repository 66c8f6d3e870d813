/* Loads in CSV, of each form. */
#include "core/formats/loads_in.h"
#include "loads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_loads(data, size, eplb_loads_from_csv);
  return 0;
}
