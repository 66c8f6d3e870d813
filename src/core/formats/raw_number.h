/* Numbers as binary files have them. */
#ifndef EPLB_CORE_FORMATS_RAW_NUMBER_H
#define EPLB_CORE_FORMATS_RAW_NUMBER_H

#include <stddef.h>

typedef struct eplb_raw_type {
  char kind; /* 'i': whole, in two's complement; 'u': whole, never negative; 'f': IEEE 754 */
  int size;  /* bytes: 1, 2, 4 or 8; of 'f' not 1 */
  int big;   /* the most significant byte comes first */
} eplb_raw_type_t;

/* Whether there is such a type. */
int eplb_raw_is_known(eplb_raw_type_t type);

/* The number at `bytes`, wherever they lie. */
double eplb_raw_number(eplb_raw_type_t type, const unsigned char *bytes);

#endif
