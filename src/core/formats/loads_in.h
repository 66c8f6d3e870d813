/* One reader for each way in which loads are written down. The caller owns *loads. Their errors are those of
 * eplb_loads_read. */
#ifndef EPLB_CORE_FORMATS_LOADS_IN_H
#define EPLB_CORE_FORMATS_LOADS_IN_H

#include "core/formats/input.h"
#include <eplb/formats.h>

eplb_status_t eplb_loads_from_csv(eplb_input_t *input, eplb_loads_t **loads);
eplb_status_t eplb_loads_from_json(eplb_input_t *input, eplb_loads_t **loads);
eplb_status_t eplb_loads_from_npy(eplb_input_t *input, eplb_loads_t **loads);

/* A folder of TensorRT-LLM's statistics. */
eplb_status_t eplb_loads_from_trtllm(const char *path, eplb_loads_t **loads);

#endif
