/* One reader for each way in which frameworks write placements down. `name` is the file's, in sentences. What they
 * return belongs to the caller, as that of eplb_placement_read; errors are its, too. */
#ifndef EPLB_CORE_FORMATS_PLACEMENT_IN_H
#define EPLB_CORE_FORMATS_PLACEMENT_IN_H

#include "core/formats/input.h"
#include <eplb/formats.h>
#include <jansson.h>

/* Of any kind. */
eplb_status_t eplb_placement_from_input(eplb_input_t *input, eplb_placement_file_t **file);

/* {"initial_global_assignments": {LAYER: [experts of slots]}, "num_slots": N}: TensorRT-LLM, and vLLM's record. */
eplb_status_t eplb_placement_from_assignments(const char *name, const json_t *document, eplb_placement_file_t *file);

/* {"moe_layer_count": N, "layer_list": [{"layer_id": L, "device_count": D, "device_list": [{"device_id": 0,
 * "device_expert": [experts of slots]}, ...]}, ...]}: vllm-ascend. */
eplb_status_t eplb_placement_from_layer_list(const char *name, const json_t *document, eplb_placement_file_t *file);

#endif
