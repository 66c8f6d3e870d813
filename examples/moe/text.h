/* The bytes that the model learns to predict: in phases, whose files are of different kinds, so that the busy experts
 * change while the job runs. */
#ifndef MOE_TEXT_H
#define MOE_TEXT_H

#include "options.h"
#include <stdint.h>

typedef struct text {
  int num_phases;
  unsigned char *bytes[MAX_PHASES];
  int length[MAX_PHASES];
} text_t;

/* Rank 0 reads the files; all ranks get them. 0: there is not enough text, and rank 0 has said why. Collective. */
int text_read(const options_t *options, int rank, text_t *text);
void text_free(text_t *text);

/* This rank's bytes of a step, and for each the one that follows: sequences of SEQUENCE bytes from places that follow
 * from seed, step and the number of the sequence alone. */
void text_batch(const text_t *text, const options_t *options, int step, int rank, unsigned char *in,
                unsigned char *next);

/* A random number that follows from two others (splitmix64). */
uint64_t random_of(uint64_t a, uint64_t b);

#endif
