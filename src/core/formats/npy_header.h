/* What a .npy file says of its array: NEP 1, "A Simple File Format for NumPy Arrays", versions 1 to 3. */
#ifndef EPLB_CORE_FORMATS_NPY_HEADER_H
#define EPLB_CORE_FORMATS_NPY_HEADER_H

#include "core/formats/input.h"
#include "core/formats/raw_number.h"

enum { EPLB_NPY_MAX_AXES = 3 };

typedef struct eplb_npy_header {
  eplb_raw_type_t type;
  int fortran_order; /* the first index runs fastest in the file; else the last */
  int num_axes;
  int size[EPLB_NPY_MAX_AXES]; /* of each axis, >= 1 */
} eplb_npy_header_t;

/* Reads up to the first number. EPLB_ERR_FORMAT: no such file, or an array that cannot be loads; EPLB_ERR_IO;
 * EPLB_ERR_MEMORY. */
eplb_status_t eplb_npy_read_header(eplb_input_t *input, eplb_npy_header_t *header);

#endif
