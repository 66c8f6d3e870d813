/* A queue of shm messages between ranks that share memory. A chunk is copied into a cell and out of it, in cache. */
#ifndef EPLB_MPI_MEMORY_SHM_QUEUE_H
#define EPLB_MPI_MEMORY_SHM_QUEUE_H

#include "mpi/comm/comm.h"
#include <stddef.h>
#include <stdint.h>

/* The cells of this rank, and the cells of its neighbours that it can reach. */
typedef struct eplb_shm_queue eplb_shm_queue_t;

/* One chunk in a cell; or several consecutive chunks that the receiver reads from the sender's memory. */
typedef struct eplb_shm_message {
  int32_t cell;   /* -1: the chunks stay in the sender's memory, */
  int32_t region; /* in this shared region; or -1: in its private memory, */
  size_t offset;  /* at this offset of the region, or at this address */
  int32_t tag;
  int64_t chunk, count;
} eplb_shm_message_t;

/* Makes cells of `bytes` in total on each rank. Collective over comm. *queue stays NULL, without an error, if this rank
 * has no neighbour or memory cannot be shared. Either all ranks of a node have a queue or none has. EPLB_ERR_MEMORY and
 * EPLB_ERR_MPI, on every rank alike. */
eplb_status_t eplb_shm_queue_create(eplb_comm_t *comm, size_t bytes, eplb_shm_queue_t **queue);

/* Collective over the ranks of the node. NULL is fine. */
void eplb_shm_queue_destroy(eplb_shm_queue_t **queue);

/* Whether `rank` of comm has cells that this rank can reach. Returns 0 if `queue` is NULL. */
int eplb_shm_queue_reaches(const eplb_shm_queue_t *queue, int rank);

/* This rank's own number among the neighbours. */
int eplb_shm_queue_own(const eplb_shm_queue_t *queue);

/* The communicator of those ranks, in that order. */
eplb_comm_t *eplb_shm_queue_comm(eplb_shm_queue_t *queue);

/* The number of neighbours, this rank included; and the rank in comm of one of them. */
int eplb_shm_queue_neighbours(const eplb_shm_queue_t *queue);
int eplb_shm_queue_rank(const eplb_shm_queue_t *queue, int neighbour);

/* The longest chunk. */
size_t eplb_shm_queue_chunk(const eplb_shm_queue_t *queue);

/* A free cell of this rank's, to write into; *cell is its number. NULL if none is free. */
char *eplb_shm_queue_take(eplb_shm_queue_t *queue, int *cell);

/* Whether the queue to `rank` has room for another message. */
int eplb_shm_queue_has_room(const eplb_shm_queue_t *queue, int rank);

/* Sends the message to `rank`, with its cell if it has one; the receiver must free it by eplb_shm_queue_free. */
void eplb_shm_queue_post(eplb_shm_queue_t *queue, int rank, const eplb_shm_message_t *message);

/* Copies the next message from a neighbour without removing it. Returns whether there is one. */
int eplb_shm_queue_peek(const eplb_shm_queue_t *queue, int neighbour, eplb_shm_message_t *message);

/* The bytes in the cell of a neighbour's message. */
const char *eplb_shm_queue_cell(const eplb_shm_queue_t *queue, int neighbour, const eplb_shm_message_t *message);

/* Removes that message and returns its cell to the sender. */
void eplb_shm_queue_free(eplb_shm_queue_t *queue, int neighbour);

#endif
