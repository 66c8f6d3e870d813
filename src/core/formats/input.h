/* A file that is read once, from front to back, and whose first bytes can be seen before they are read. */
#ifndef EPLB_CORE_FORMATS_INPUT_H
#define EPLB_CORE_FORMATS_INPUT_H

#include <eplb/status.h>
#include <stddef.h>
#include <stdio.h>

enum { EPLB_INPUT_FIRST = 512 };

typedef struct eplb_input {
  const char *name; /* in sentences */
  FILE *file;
  char first[EPLB_INPUT_FIRST]; /* what the file begins with */
  size_t num_first, num_taken;  /* of `first`: there; read, or passed over: a byte order mark of UTF-8 */
} eplb_input_t;

/* How a path is called in sentences: "-" is standard input. */
const char *eplb_input_name(const char *path);

/* Opens a file; "-" is standard input. EPLB_ERR_IO. */
eplb_status_t eplb_input_open(const char *path, eplb_input_t *input);

/* The same from a stream that is open. On failure it stays open. */
eplb_status_t eplb_input_start(const char *name, FILE *file, eplb_input_t *input);

/* Not of standard input. */
void eplb_input_close(eplb_input_t *input);

/* The first byte that is not a blank, among the bytes that were read ahead; 0 if all of them are blanks. */
char eplb_input_first(const eplb_input_t *input);

/* Reads up to `size` bytes: fewer only at the end of the file, or where eplb_input_check fails. */
size_t eplb_input_read(eplb_input_t *input, void *bytes, size_t size);

/* The next byte, or EOF. */
int eplb_input_byte(eplb_input_t *input);

/* EPLB_ERR_IO where the file could not be read. */
eplb_status_t eplb_input_check(const eplb_input_t *input);

/* Reads up to `most` bytes, and puts a zero behind them, into memory that the caller frees. It grows as they come: a
 * header that declares a large size costs nothing. EPLB_ERR_IO, EPLB_ERR_MEMORY. */
eplb_status_t eplb_input_take(eplb_input_t *input, size_t most, unsigned char **bytes, size_t *size);

#endif
