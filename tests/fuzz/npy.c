/* Loads in NumPy's .npy. */
#include "core/formats/loads_in.h"
#include "loads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_loads(data, size, eplb_loads_from_npy);
  return 0;
}
