/* Loads in JSON and in JSON lines. */
#include "core/formats/loads_in.h"
#include "loads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_loads(data, size, eplb_loads_from_json);
  return 0;
}
