/* Chunks between ranks that share memory: a copy into a cell, a copy out of it, both warm in the cache. */
#ifndef EPLB_RUNTIME_BOX_H
#define EPLB_RUNTIME_BOX_H

#include <eplb/status.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

/* The cells of this rank, and what it can reach of the others'. */
typedef struct eplb_box eplb_box_t;

/* A chunk in a cell, and what it is a part of. */
typedef struct eplb_letter {
  int32_t cell, tag;
  int64_t chunk;
  size_t length;
} eplb_letter_t;

/* Makes cells of `bytes` in all on each rank. Collective over comm. *box stays NULL where this rank has no neighbour, or memory cannot
 * be shared: that is no failure. Every rank of a node has a box or none. EPLB_ERR_MEMORY, on every rank alike. */
eplb_status_t eplb_box_create(MPI_Comm comm, size_t bytes, eplb_box_t **box);

/* Collective over the ranks of the node. NULL is fine. */
void eplb_box_destroy(eplb_box_t **box);

/* Whether `rank` of comm has cells that this rank can reach. NULL has none. */
int eplb_box_reaches(const eplb_box_t *box, int rank);

/* How many ranks it reaches, this one too, and which rank of comm number `neighbour` of them is. */
int eplb_box_neighbours(const eplb_box_t *box);
int eplb_box_rank(const eplb_box_t *box, int neighbour);

/* The longest chunk. */
size_t eplb_box_chunk(const eplb_box_t *box);

/* A free cell of this rank's, to write into; *cell is its number. NULL if none is free. */
char *eplb_box_take(eplb_box_t *box, int *cell);

/* Hands the cell over to `rank`, which frees it in the end. */
void eplb_box_post(eplb_box_t *box, int rank, const eplb_letter_t *letter);

/* The next letter from a neighbour, and the chunk; NULL if there is none. */
const char *eplb_box_read(eplb_box_t *box, int neighbour, eplb_letter_t *letter);

/* Gives the cell of the letter that eplb_box_read has shown back to its owner. */
void eplb_box_free(eplb_box_t *box, int neighbour);

#endif
