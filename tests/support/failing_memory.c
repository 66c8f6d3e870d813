#include "failing_memory.h"
static struct {
  long left; /* allocations until one fails, or -1 */
  int forever, failures;
  long live;
  size_t asked;
} memory = {-1, 0, 0, 0, 0};

void failing_memory_after(long successes) {
  memory.left = successes;
  memory.forever = memory.failures = 0;
}

void failing_memory_from(long successes) {
  failing_memory_after(successes);
  memory.forever = 1;
}

int failing_memory_failures(void) {
  return memory.failures;
}

long failing_memory_live(void) {
  return memory.live;
}

size_t failing_memory_asked(void) {
  return memory.asked;
}

static int fails_now(size_t size) {
  memory.asked += size;
  if (memory.left < 0 || memory.left-- > 0)
    return 0;
  memory.left = memory.forever ? 0 : -1;
  memory.failures++;
  return 1;
}

/* The linker's names: the wrapper, and what it wraps. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) {
  void *block = fails_now(size) ? NULL : __real_malloc(size);
  memory.live += block != NULL;
  return block;
}

void *__wrap_calloc(size_t count, size_t size) {
  void *block = fails_now(count * size) ? NULL : __real_calloc(count, size);
  memory.live += block != NULL;
  return block;
}

void *__wrap_realloc(void *old, size_t size) {
  void *block = fails_now(size) ? NULL : __real_realloc(old, size);
  memory.live += block && !old;
  return block;
}

void __wrap_free(void *block) {
  memory.live -= block != NULL;
  __real_free(block);
}
