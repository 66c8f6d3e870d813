/* Placements of each framework: refused with a sentence, or whole. */
#include "core/formats/placement_in.h"
#include "loads.h"

static void check(const eplb_placement_file_t *file) {
  const eplb_placement_t *p = file->placement;
  fuzz_expect(p && p->num_layers >= 1 && p->num_experts >= 1 && p->num_slots >= p->num_experts);
  for (int64_t i = 0; i < (int64_t)p->num_layers * p->num_slots; i++)
    fuzz_expect(p->physical_to_logical[i] >= EPLB_EMPTY && p->physical_to_logical[i] < p->num_experts);
  for (int64_t i = 0; i < (int64_t)p->num_layers * p->num_experts; i++)
    fuzz_expect(p->logical_replica_count[i] >= 1);
  for (int l = 1; file->layer_id && l < p->num_layers; l++)
    fuzz_expect(file->layer_id[l] > file->layer_id[l - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eplb_input_t input;
  eplb_placement_file_t *placement = NULL;
  FILE *file = fuzz_open(data, size, &input);
  eplb_status_t status = eplb_placement_from_input(&input, &placement);
  if (status)
    fuzz_expect(status == EPLB_ERR_FORMAT && !placement && strstr(eplb_last_error(), "input"));
  else
    check(placement);
  eplb_placement_file_destroy(&placement);
  fclose(file);
  return 0;
}
