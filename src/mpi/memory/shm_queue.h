/* Chunks between ranks that share memory: a copy into a cell, a copy out of it, both warm in the cache. */
#ifndef EPLB_MPI_MEMORY_SHM_QUEUE_H
#define EPLB_MPI_MEMORY_SHM_QUEUE_H

#include <eplb/status.h>
#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

/* The cells of this rank, and what it can reach of the others'. */
typedef struct eplb_box eplb_box_t;

/* Chunks of a message: one in a cell; or, where the reader can go and fetch them, some in a row. */
typedef struct eplb_letter {
  int32_t cell;   /* or -1: they are where they lie, */
  int32_t region; /* in this region of the writer's, or -1: in its own memory, */
  size_t offset;  /* from here on: in the region, or the address */
  int32_t tag;
  int64_t chunk, count;
} eplb_letter_t;

/* Makes cells of `bytes` in all on each rank. Collective over comm. *box stays NULL where this rank has no neighbour,
 * or memory cannot be shared: that is no failure. Every rank of a node has a box or none. EPLB_ERR_MEMORY, on every
 * rank alike. */
eplb_status_t eplb_box_create(MPI_Comm comm, size_t bytes, eplb_box_t **box);

/* Collective over the ranks of the node. NULL is fine. */
void eplb_box_destroy(eplb_box_t **box);

/* Whether `rank` of comm has cells that this rank can reach. NULL has none. */
int eplb_box_reaches(const eplb_box_t *box, int rank);

/* Which neighbour this rank itself is. */
int eplb_box_own(const eplb_box_t *box);

/* The communicator of those ranks, in that order. */
MPI_Comm eplb_box_comm(const eplb_box_t *box);

/* How many ranks it reaches, this one too, and which rank of comm number `neighbour` of them is. */
int eplb_box_neighbours(const eplb_box_t *box);
int eplb_box_rank(const eplb_box_t *box, int neighbour);

/* The longest chunk. */
size_t eplb_box_chunk(const eplb_box_t *box);

/* A free cell of this rank's, to write into; *cell is its number. NULL if none is free. */
char *eplb_box_take(eplb_box_t *box, int *cell);

/* Whether `rank` can be sent another letter before it has read some. */
int eplb_box_has_room(const eplb_box_t *box, int rank);

/* Hands the letter, and its cell if it has one, over to `rank`, which frees it in the end. */
void eplb_box_post(eplb_box_t *box, int rank, const eplb_letter_t *letter);

/* The next letter from a neighbour, left where it is; whether there is one. */
int eplb_box_peek(const eplb_box_t *box, int neighbour, eplb_letter_t *letter);

/* What is in the cell of a neighbour's letter. */
const char *eplb_box_cell(const eplb_box_t *box, int neighbour, const eplb_letter_t *letter);

/* Takes that letter away, and gives its cell back to its owner. */
void eplb_box_free(eplb_box_t *box, int neighbour);

#endif
