/* Memory that the ranks of a node share: POSIX, not MPI's windows. Where there is too little of it each rank finds that
 * out here, and all agree; in a window some would wait for ever for those that found out, or meet a signal later. */
#ifndef EPLB_MPI_MEMORY_SHM_SEGMENT_H
#define EPLB_MPI_MEMORY_SHM_SEGMENT_H

#include "mpi/comm/comm.h"
#include <stddef.h>

/* What one rank gives. */
typedef struct eplb_span {
  char name[64]; /* while ranks look for each other's */
  size_t bytes;
  char *base; /* whole pages, of zeros at first; NULL: no bytes */
} eplb_span_t;

typedef struct eplb_shm_segment {
  int num_ranks;
  eplb_span_t *span; /* [num_ranks]; NULL: nothing is shared */
} eplb_shm_segment_t;

/* Room to note spans. Local. EPLB_ERR_MEMORY. */
eplb_status_t eplb_shm_segment_allocate(const eplb_comm_t *node, eplb_shm_segment_t *shared);

/* Each rank gives `bytes`, which may differ, and reaches those of all others. All pages are made now, after the names are
 * gone: a rank that is killed at any moment leaves at most a name for an empty file. Collective over node, after all have
 * allocated. Whether it is so: the same on every rank; if not, *shared is freed. */
int eplb_shm_segment_open(eplb_comm_t *node, size_t bytes, eplb_shm_segment_t *shared);

/* Local: what others have not freed yet stays for them. */
void eplb_shm_segment_free(eplb_shm_segment_t *shared);

#endif
