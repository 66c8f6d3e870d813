/* Whether all ranks gave a collective call the same arguments. */
#ifndef EPLB_MPI_COMM_COMPARE_H
#define EPLB_MPI_COMM_COMPARE_H

#include "mpi/comm/comm.h"
#include <eplb/placement.h>
#include <stdint.h>

/* One argument. A hash and a number differ only in the error sentence. */
typedef struct eplb_compared {
  const char *name;
  int64_t value; /* above INT64_MIN */
  int is_hash;
} eplb_compared_t;

enum { EPLB_MAX_COMPARED = 32 };

/* Agrees on the ranks' statuses and, where all succeed, on their arguments[count <= EPLB_MAX_COMPARED]:
 * EPLB_ERR_MISMATCH on every rank names the first in which they differ, with the least and the largest value.
 * Collective over comm: one allreduce. Failures of MPI as in eplb_agree. */
eplb_status_t eplb_agree_on(eplb_comm_t *comm, eplb_status_t mine, const eplb_compared_t *arguments, int count);

/* A hash of all slots of all layers; 0 if placement is NULL. Local. */
uint64_t eplb_hash_placement(const eplb_placement_t *placement);

#endif
