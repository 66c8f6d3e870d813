/* Allocation that cannot overflow. Inline, so that each library uses its own and tests can make them fail by wrapping
 * calloc. */
#ifndef EPLB_CORE_UTIL_ALLOC_H
#define EPLB_CORE_UTIL_ALLOC_H

#include "core/util/count.h"
#include <eplb/status.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Sets the sentence of eplb_last_error(). */
static inline void eplb_out_of_memory(size_t count, size_t size) {
  if (size == 1)
    eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s", eplb_count(count, "byte"));
  else
    eplb_fail(EPLB_ERR_MEMORY, "out of memory for %s of %s", eplb_count(count, "element"), eplb_count(size, "byte"));
}

/* `count` zeroed elements of `size` bytes; at least one byte, so that NULL always means failure. On failure sets the
 * sentence of eplb_last_error(). */
static inline void *eplb_new(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size ? size : 1);
  if (!memory)
    eplb_out_of_memory(count, size);
  return memory;
}

#define EPLB_NEW(type, count) ((type *)eplb_new((size_t)(count), sizeof(type)))

/* A piece of a block: `count` elements of `size` bytes from *used on, which is moved behind it. With base NULL only
 * finds how large the block must be. */
static inline void *eplb_carve(char *base, size_t *used, size_t count, size_t size) {
  size_t here = (*used + 15) & ~(size_t)15;
  *used = here + count * size;
  return base ? base + here : NULL;
}

/* `memory` grown to `count` elements; NULL on failure, with `memory` as it was. New elements are not zeroed. */
static inline void *eplb_grow(void *memory, size_t count, size_t size) {
  void *grown = count <= SIZE_MAX / size ? realloc(memory, count * size) : NULL;
  if (!grown)
    eplb_out_of_memory(count, size);
  return grown;
}

#endif
