/* What fuzz targets share. Built with libFuzzer (make fuzz, with clang), or with replay.c, which runs the corpus, by
 * any compiler. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that are left; behind the last come zeros. */
typedef struct fuzz_input {
  const uint8_t *next;
  size_t left;
} fuzz_input_t;

static inline void fuzz_bytes(fuzz_input_t *in, void *to, size_t size) {
  size_t here = size < in->left ? size : in->left;
  memset(to, 0, size);
  if (here)
    memcpy(to, in->next, here);
  in->next += here;
  in->left -= here;
}

static inline uint8_t fuzz_byte(fuzz_input_t *in) {
  uint8_t byte;
  fuzz_bytes(in, &byte, 1);
  return byte;
}

/* Ends the program where `condition` does not hold, with or without NDEBUG: both libFuzzer and make check take that as
 * a failure. */
#define fuzz_expect(condition)                                                                                         \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

#endif
