/* POSIX memory that the ranks of a node share. If there is too little, each rank detects it here and all agree. With an
 * MPI window some ranks would wait forever for those that failed, or get a signal later. */
#ifndef EPLB_MPI_MEMORY_SHM_SEGMENT_H
#define EPLB_MPI_MEMORY_SHM_SEGMENT_H

#include "mpi/comm/comm.h"
#include <stddef.h>

/* The shared memory of one rank. */
typedef struct eplb_span {
  char name[64]; /* set only while other ranks map it */
  size_t bytes;
  char *base; /* whole pages, of zeros at first; NULL: no bytes */
} eplb_span_t;

typedef struct eplb_shm_segment {
  int num_ranks;
  eplb_span_t *span; /* [num_ranks]; NULL: nothing is shared */
} eplb_shm_segment_t;

/* Allocates the span array. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_shm_segment_allocate(const eplb_comm_t *node, eplb_shm_segment_t *shared);

/* Each rank provides `bytes`, which may differ by rank, and maps those of all others. Names are unlinked before pages
 * are allocated: a rank that is killed at any moment leaves at most an empty file. Collective over node, after all have
 * called eplb_shm_segment_allocate. Returns whether it succeeded, the same on every rank; if not, *shared is freed. */
int eplb_shm_segment_open(eplb_comm_t *node, size_t bytes, eplb_shm_segment_t *shared);

/* Local. Other ranks can still use the memory until they free it. */
void eplb_shm_segment_free(eplb_shm_segment_t *shared);

#endif
