#include "mpi/machine/node.h"
#include "core/util/alloc.h"
#include "mpi/machine/host_pack.h"
#include "mpi/machine/machine_id.h"
#include <limits.h>

/* A launcher that goes by host names may take two machines of one name for one: machines are told apart by boot id. */
void eplb_node_split(MPI_Comm comm, eplb_node_t *node) {
  MPI_Comm shared;
  int rank;
  *node = (eplb_node_t){.machine = eplb_machine_id(), .shared_memory = eplb_shm_identity()};
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &shared);
  MPI_Comm_split(shared, (int)(node->machine & INT_MAX), rank, &node->comm);
  MPI_Comm_free(&shared);
  MPI_Comm_rank(node->comm, &node->rank);
  MPI_Comm_size(node->comm, &node->num_ranks);
  MPI_Comm_split(comm, node->rank == 0 ? 0 : MPI_UNDEFINED, rank, &node->leaders);
  if (!node->shared_memory) /* what no other node has: MPI alone decides */
    node->shared_memory = UINT64_MAX - (uint64_t)rank;
  MPI_Bcast(&node->shared_memory, 1, MPI_UINT64_T, 0, node->comm);
}

eplb_status_t eplb_node_look(eplb_node_t *node) {
  eplb_status_t status = EPLB_SUCCESS;
  char *bytes = NULL;
  int size = 0;
  if (node->rank == 0)
    status = eplb_host_detect(NULL, &node->host);
  if (node->host && (bytes = EPLB_NEW(char, eplb_host_pack_size(node->host, 1)))) {
    size = (int)eplb_host_pack_size(node->host, 1);
    eplb_host_pack_write(node->host, 1, bytes);
  } else if (node->host) {
    status = EPLB_ERR_MEMORY;
  }
  MPI_Bcast(&size, 1, MPI_INT, 0, node->comm);
  if (node->rank > 0 && size > 0 && !(bytes = EPLB_NEW(char, size)))
    status = EPLB_ERR_MEMORY;
  int all_can, can = size > 0 && bytes;
  MPI_Allreduce(&can, &all_can, 1, MPI_INT, MPI_MIN, node->comm);
  if (all_can)
    MPI_Bcast(bytes, size, MPI_BYTE, 0, node->comm);
  if (all_can && node->rank > 0)
    status = eplb_host_pack_read(bytes, &node->host);
  if (!all_can)
    eplb_host_destroy(&node->host);
  free(bytes);
  return status;
}

void eplb_node_release(eplb_node_t *node) {
  eplb_host_destroy(&node->host);
  if (node->leaders != MPI_COMM_NULL)
    MPI_Comm_free(&node->leaders);
  MPI_Comm_free(&node->comm);
}
