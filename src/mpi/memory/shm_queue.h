/* Chunks between ranks that share memory: a copy into a cell, a copy out of it, both warm in the cache. */
#ifndef EPLB_MPI_MEMORY_SHM_QUEUE_H
#define EPLB_MPI_MEMORY_SHM_QUEUE_H

#include "mpi/comm/comm.h"
#include <stddef.h>
#include <stdint.h>

/* The cells of this rank, and what it can reach of the others'. */
typedef struct eplb_shm_queue eplb_shm_queue_t;

/* Chunks of a message: one in a cell; or, where the reader can go and fetch them, some in a row. */
typedef struct eplb_shm_message {
  int32_t cell;   /* or -1: they are where they lie, */
  int32_t region; /* in this region of the writer's, or -1: in its own memory, */
  size_t offset;  /* from here on: in the region, or the address */
  int32_t tag;
  int64_t chunk, count;
} eplb_shm_message_t;

/* Makes cells of `bytes` in all on each rank. Collective over comm. *queue stays NULL where this rank has no neighbour,
 * or memory cannot be shared: that is no failure. Every rank of a node has a queue or none. EPLB_ERR_MEMORY
 * and EPLB_ERR_MPI, on every rank alike. */
eplb_status_t eplb_shm_queue_create(eplb_comm_t *comm, size_t bytes, eplb_shm_queue_t **queue);

/* Collective over the ranks of the node. NULL is fine. */
void eplb_shm_queue_destroy(eplb_shm_queue_t **queue);

/* Whether `rank` of comm has cells that this rank can reach. NULL has none. */
int eplb_shm_queue_reaches(const eplb_shm_queue_t *queue, int rank);

/* Which neighbour this rank itself is. */
int eplb_shm_queue_own(const eplb_shm_queue_t *queue);

/* The communicator of those ranks, in that order. */
eplb_comm_t *eplb_shm_queue_comm(eplb_shm_queue_t *queue);

/* How many ranks it reaches, this one too, and which rank of comm number `neighbour` of them is. */
int eplb_shm_queue_neighbours(const eplb_shm_queue_t *queue);
int eplb_shm_queue_rank(const eplb_shm_queue_t *queue, int neighbour);

/* The longest chunk. */
size_t eplb_shm_queue_chunk(const eplb_shm_queue_t *queue);

/* A free cell of this rank's, to write into; *cell is its number. NULL if none is free. */
char *eplb_shm_queue_take(eplb_shm_queue_t *queue, int *cell);

/* Whether `rank` can be sent another message before it has read some. */
int eplb_shm_queue_has_room(const eplb_shm_queue_t *queue, int rank);

/* Hands the message, and its cell if it has one, over to `rank`, which frees it in the end. */
void eplb_shm_queue_post(eplb_shm_queue_t *queue, int rank, const eplb_shm_message_t *message);

/* The next message from a neighbour, left where it is; whether there is one. */
int eplb_shm_queue_peek(const eplb_shm_queue_t *queue, int neighbour, eplb_shm_message_t *message);

/* What is in the cell of a neighbour's message. */
const char *eplb_shm_queue_cell(const eplb_shm_queue_t *queue, int neighbour, const eplb_shm_message_t *message);

/* Takes that message away, and gives its cell back to its owner. */
void eplb_shm_queue_free(eplb_shm_queue_t *queue, int neighbour);

#endif
