#include "failing_memory.h"
#include <stddef.h>

static long left = -1;

void failing_memory_after(long successes) {
  left = successes;
}

static int fails_now(void) {
  return left >= 0 && left-- == 0;
}

/* The linker's names: the wrapper, and what it wraps. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) {
  return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
  return fails_now() ? NULL : __real_realloc(memory, size);
}
