/* Reads the memory of another process of this node with process_vm_readv. A trial read at creation shows whether the
 * kernel allows it and whether the process number means the same process here. */
#include "mpi/memory/cma.h"
#include "core/util/alloc.h"
#include "core/util/count.h"
#include "mpi/comm/agree.h"
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* A rank's process id, the address of this struct in its memory, and when it was made. Other ranks read the struct
 * there and compare it: in a container, the process id alone may name another process. */
typedef struct peer_process {
  uint64_t process, address;
  double time;
} peer_process_t;

struct eplb_cma {
  peer_process_t *peer; /* [neighbours] */
  peer_process_t mine;
};

static int read_process(uint64_t process, size_t address, void *to, size_t bytes) {
  const struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)address, bytes};
  return process_vm_readv((pid_t)process, &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

static int finds_all(const eplb_cma_t *cma, int neighbours) {
  for (int n = 0; n < neighbours; n++) {
    peer_process_t found;
    if (!read_process(cma->peer[n].process, cma->peer[n].address, &found, sizeof found) ||
        memcmp(&found, &cma->peer[n], sizeof found))
      return 0;
  }
  return 1;
}

eplb_cma_t *eplb_cma_create(eplb_shm_queue_t *queue) {
  if (!queue)
    return NULL;
  eplb_comm_t *node = eplb_shm_queue_comm(queue);
  int neighbours = eplb_shm_queue_neighbours(queue);
  eplb_cma_t *cma = EPLB_NEW(eplb_cma_t, 1);
  if (cma)
    cma->peer = EPLB_NEW(peer_process_t, neighbours);
  int good = eplb_everywhere(node, cma && cma->peer);
  if (good) {
    cma->mine = (peer_process_t){(uint64_t)getpid(), (uint64_t)(uintptr_t)&cma->mine, MPI_Wtime()};
    int told = eplb_comm_ok(
        node, MPI_Allgather(&cma->mine, sizeof cma->mine, MPI_BYTE, cma->peer, sizeof cma->mine, MPI_BYTE, node->mpi),
        "exchanging process numbers");
    good = eplb_everywhere(node, told && finds_all(cma, neighbours));
  }
  if (!good)
    eplb_cma_destroy(&cma);
  return cma;
}

void eplb_cma_destroy(eplb_cma_t **cma) {
  if (!*cma)
    return;
  free((*cma)->peer);
  free(*cma);
  *cma = NULL;
}

/* The kernel reads this process as it would another. */
int eplb_cma_reaches(const eplb_cma_t *cma, const char *address, size_t bytes) {
  char byte;
  return cma && bytes && read_process(cma->mine.process, (size_t)(uintptr_t)address, &byte, 1) &&
         read_process(cma->mine.process, (size_t)(uintptr_t)address + bytes - 1, &byte, 1);
}

eplb_status_t eplb_cma_read(const eplb_cma_t *cma, int neighbour, size_t address, char *to, size_t bytes) {
  if (read_process(cma->peer[neighbour].process, address, to, bytes))
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_UNSUPPORTED, "%s of a neighbour (process %llu) cannot be read: %s",
                   eplb_count(bytes, "byte"), (unsigned long long)cma->peer[neighbour].process, strerror(errno));
}
