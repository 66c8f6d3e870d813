#include "mpi/machine/node.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include "mpi/comm/part.h"
#include "mpi/machine/host_pack.h"
#include "mpi/machine/machine_id.h"
#include <limits.h>

/* A launcher that goes by host names may take two machines of one name for one: machines are told apart by boot id. */
static eplb_status_t split(eplb_comm_t *comm, eplb_node_t *node) {
  eplb_comm_t shared;
  eplb_status_t status = eplb_part_shared(comm, &shared);
  if (!status) {
    status = eplb_part_split(&shared, (int)(node->machine & INT_MAX), &node->comm);
    eplb_comm_free(&shared);
  }
  node->comm.parent = comm; /* `shared` ends here */
  if (!status)
    status = eplb_part_split(comm, node->comm.rank == 0 ? 0 : MPI_UNDEFINED, &node->leaders);
  return status;
}

eplb_status_t eplb_node_split(eplb_comm_t *comm, eplb_node_t *node) {
  *node = (eplb_node_t){.machine = eplb_machine_id(), .shared_memory = eplb_shm_identity()};
  eplb_comm_open(&node->comm, MPI_COMM_NULL, comm);
  eplb_comm_open(&node->leaders, MPI_COMM_NULL, comm);
  eplb_status_t status = split(comm, node);
  if (status)
    return status;
  node->rank = node->comm.rank;
  node->num_ranks = node->comm.size;
  if (!node->shared_memory) /* what no other node has: MPI alone decides */
    node->shared_memory = UINT64_MAX - (uint64_t)comm->rank;
  eplb_comm_ok(comm, MPI_Bcast(&node->shared_memory, 1, MPI_UINT64_T, 0, node->comm.mpi),
               "broadcasting what tells a node apart");
  return EPLB_SUCCESS;
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
  if (!eplb_comm_ok(&node->comm, MPI_Bcast(&size, 1, MPI_INT, 0, node->comm.mpi), "broadcasting a host's size") &&
      node->rank > 0)
    size = 0;
  if (node->rank > 0 && size > 0 && !(bytes = EPLB_NEW(char, size)))
    status = EPLB_ERR_MEMORY;
  int all_can = eplb_everywhere(&node->comm, size > 0 && bytes);
  int has_host =
      all_can && eplb_comm_ok(&node->comm, MPI_Bcast(bytes, size, MPI_BYTE, 0, node->comm.mpi), "broadcasting a host");
  if (has_host && node->rank > 0)
    status = eplb_host_pack_read(bytes, &node->host);
  if (!all_can)
    eplb_host_destroy(&node->host);
  free(bytes);
  return status;
}

void eplb_node_release(eplb_node_t *node) {
  eplb_host_destroy(&node->host);
  eplb_comm_free(&node->leaders);
  eplb_comm_free(&node->comm);
}
