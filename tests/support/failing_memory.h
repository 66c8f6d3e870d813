/* Allocations of the code under test that fail on purpose. For programs linked with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc. */
#ifndef TESTS_FAILING_MEMORY_H
#define TESTS_FAILING_MEMORY_H

/* Lets `successes` allocations succeed and makes the next one fail, once; -1: none fails. */
void failing_memory_after(long successes);

#endif
