/* Reads the text and cuts batches out of it. */
#include "text.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 }; /* of a phase */

uint64_t random_of(uint64_t a, uint64_t b) {
  uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xd1b54a32d192ed03) + 1;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Appends a file to bytes[MAX_BYTES]. */
static int append(const char *path, unsigned char *bytes, int *length) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "moe: no text in %s\n", path);
    return 0;
  }
  *length += (int)fread(bytes + *length, 1, (size_t)(MAX_BYTES - *length), file);
  fclose(file);
  return 1;
}

/* The files of a phase, one after the other. */
static int read_phase(const char *paths, unsigned char *bytes, int *length) {
  char path[4096];
  for (const char *begin = paths; *begin;) {
    size_t name = strcspn(begin, ",");
    snprintf(path, sizeof path, "%.*s", (int)name, begin);
    if (!append(path, bytes, length))
      return 0;
    begin += name + (begin[name] == ',');
  }
  if (*length >= 4 * SEQUENCE)
    return 1;
  fprintf(stderr, "moe: %d bytes of text in %s; expected %d or more\n", *length, paths, 4 * SEQUENCE);
  return 0;
}

int text_read(const options_t *o, int rank, text_t *text) {
  *text = (text_t){.num_phases = o->num_phases};
  for (int p = 0; p < o->num_phases; p++) {
    int is_good = 1;
    text->bytes[p] = malloc(MAX_BYTES);
    if (rank == 0)
      is_good = text->bytes[p] && read_phase(o->phase[p], text->bytes[p], &text->length[p]);
    MPI_Bcast(&is_good, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (!is_good)
      return 0;
    MPI_Bcast(&text->length[p], 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(text->bytes[p], text->length[p], MPI_UNSIGNED_CHAR, 0, MPI_COMM_WORLD);
  }
  return 1;
}

void text_free(text_t *text) {
  for (int p = 0; p < text->num_phases; p++)
    free(text->bytes[p]);
}

void text_batch(const text_t *text, const options_t *o, int step, int rank, unsigned char *in, unsigned char *next) {
  int phase = (int)((int64_t)step * text->num_phases / o->steps), sequences = o->tokens / SEQUENCE;
  uint64_t of_step = random_of((uint64_t)o->seed, (uint64_t)step);
  for (int s = 0; s < sequences; s++) {
    uint64_t place = random_of(of_step, (uint64_t)rank * (uint64_t)sequences + (uint64_t)s);
    const unsigned char *from = text->bytes[phase] + place % (uint64_t)(text->length[phase] - SEQUENCE);
    memcpy(in + s * SEQUENCE, from, SEQUENCE);
    memcpy(next + s * SEQUENCE, from + 1, SEQUENCE);
  }
}
