/* Memory that nobody can touch, except while it is open. */
#ifndef TESTS_PAGES_H
#define TESTS_PAGES_H

#include <stddef.h>

/* At least `bytes`, closed; NULL without memory. */
void *pages_new(size_t bytes);
void pages_free(void *pages);

/* Opens or closes the pages that [address, address + bytes) of such memory is in. */
void pages_open(const void *address, size_t bytes);
void pages_close(const void *address, size_t bytes);

#endif
