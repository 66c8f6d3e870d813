/* A kind of memory that neither the processor nor MPI can touch: whoever reads or writes it other than by the kind's
 * copies gets a SIGSEGV. So it stands for a GPU's where MPI is not GPU-aware. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <eplb/memory.h>

typedef struct guarded {
  eplb_memory_t memory;     /* for the session's options */
  long allocations, copies; /* that succeed until one fails, or -1: none fails */
  int failures;
  long live; /* allocations not yet released */
} guarded_t;

void guarded_init(guarded_t *guarded);

#endif
