/* Loads written down as other programs do it, byte by byte: what is read from these is held against the recording. */
#ifndef TESTS_LOADS_FORMS_H
#define TESTS_LOADS_FORMS_H

#include "shapes.h"
#include <eplb/loads.h>
#include <stdio.h>

/* "logical_count" [windows][layers][experts]. */
void form_count(FILE *file, const eplb_loads_t *loads);

/* [windows][layers][experts] by itself, with blanks before it. */
void form_array(FILE *file, const eplb_loads_t *loads);

/* "load_history". */
void form_history(FILE *file, const eplb_loads_t *loads);

/* JSON lines of physical loads: some experts have replicas, some slots are empty, and other records stand between. */
void form_records(FILE *file, const eplb_loads_t *loads, rng_t *rng);

/* A number of `size` bytes. kind: 'i', 'u' or 'f'. */
void form_number(FILE *file, char kind, int size, int big_endian, double number);

/* .npy of version 1 to 3. A single window may leave its axis out. */
void form_npy(FILE *file, const eplb_loads_t *loads, int version, char kind, int size, int big_endian,
              int fortran_order);

/* Safetensors of "{iteration}_{layer}" with as many tokens as this rank of several has counted: all of them together
 * are the loads. Tensors come in any order. */
void form_rank(FILE *file, const eplb_loads_t *loads, int rank, int num_ranks, rng_t *rng);

#endif
