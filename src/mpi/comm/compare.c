/* Compares arguments of all ranks with one allreduce: the minimum of each value and of its negative. */
#include "mpi/comm/compare.h"
#include "mpi/comm/agree.h"
#include <string.h>
#include <xxhash.h>

static eplb_status_t name_difference(const eplb_compared_t *argument, int64_t least, int64_t most) {
  if (argument->is_hash)
    return eplb_fail(EPLB_ERR_MISMATCH, "ranks gave different %s; expected the same on every rank", argument->name);
  return eplb_fail(EPLB_ERR_MISMATCH, "ranks gave different %s, from %lld to %lld; expected the same on every rank",
                   argument->name, (long long)least, (long long)most);
}

eplb_status_t eplb_agree_on(eplb_comm_t *comm, eplb_status_t mine, const eplb_compared_t *arguments, int count) {
  if (eplb_comm_is_broken(comm))
    return eplb_comm_status(comm);
  mine = eplb_own_status(comm, mine);
  int64_t own[1 + 2 * EPLB_MAX_COMPARED] = {0}; /* status, then each value and its negative */
  int64_t lowest[1 + 2 * EPLB_MAX_COMPARED];    /* where MPI fails, what it has left: as in agree.c */
  own[0] = mine;
  for (int i = 0; i < count; i++) {
    own[1 + 2 * i] = arguments[i].value;
    own[2 + 2 * i] = -arguments[i].value;
  }
  memcpy(lowest, own, sizeof own);
  eplb_comm_ok(comm, MPI_Allreduce(own, lowest, 1 + 2 * count, MPI_INT64_T, MPI_MIN, comm->mpi),
               "comparing the ranks' arguments");
  int64_t worst = lowest[0] < own[0] && lowest[0] >= EPLB_ERR_INTERNAL ? lowest[0] : own[0];
  if (worst != EPLB_SUCCESS)
    return eplb_share_failure(comm, mine, (eplb_status_t)worst);
  for (int i = 0; i < count; i++)
    if (lowest[1 + 2 * i] != -lowest[2 + 2 * i])
      return name_difference(&arguments[i], lowest[1 + 2 * i], -lowest[2 + 2 * i]);
  return EPLB_SUCCESS;
}

uint64_t eplb_hash_placement(const eplb_placement_t *p) {
  size_t bytes = p ? (size_t)p->num_layers * (size_t)p->num_slots * sizeof *p->physical_to_logical : 0;
  return p ? XXH3_64bits(p->physical_to_logical, bytes) : 0;
}
