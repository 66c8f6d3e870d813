/* Allocations of the code under test that fail on purpose, and are counted. For programs linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free; those of the C library and of other libraries go their
 * own way. */
#ifndef TESTS_FAILING_MEMORY_H
#define TESTS_FAILING_MEMORY_H

#include <stddef.h>

/* Lets `successes` allocations succeed and makes the next one fail, once; -1: none fails. Counts failures anew. */
void failing_memory_after(long successes);

/* The same, but all that follow fail, too. */
void failing_memory_from(long successes);

/* How many have failed since. */
int failing_memory_failures(void);

/* Blocks not yet freed. */
long failing_memory_live(void);

/* Bytes asked for so far, freed or not. */
size_t failing_memory_asked(void);

#endif
