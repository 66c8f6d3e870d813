/* Counts in safetensors: u64 length of a header of JSON, that header, raw numbers. */
#ifndef EPLB_CORE_FORMATS_SAFETENSORS_H
#define EPLB_CORE_FORMATS_SAFETENSORS_H

#include "core/formats/input.h"
#include "core/formats/loads_rows.h"

/* Adds each tensor of the file as a row: its name is "{window}_{layer}", its shape [num_experts]. EPLB_ERR_FORMAT,
 * EPLB_ERR_IO, EPLB_ERR_MEMORY. */
eplb_status_t eplb_safetensors_read(eplb_input_t *input, int num_experts, eplb_rows_t *rows);

#endif
