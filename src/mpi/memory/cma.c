#include "mpi/memory/cma.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a rank tells of itself, and where others find the same in its memory: the number of a process alone may mean
 * another one here, in a container. */
typedef struct card {
  uint64_t process, address;
  double time;
} card_t;

struct eplb_cma {
  card_t *card; /* [neighbours] */
  card_t mine;
};

static int read_process(uint64_t process, size_t address, void *to, size_t bytes) {
  const struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)address, bytes};
  return process_vm_readv((pid_t)process, &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

static int finds_all(const eplb_cma_t *f, int neighbours) {
  for (int n = 0; n < neighbours; n++) {
    card_t found;
    if (!read_process(f->card[n].process, f->card[n].address, &found, sizeof found) ||
        memcmp(&found, &f->card[n], sizeof found))
      return 0;
  }
  return 1;
}

eplb_cma_t *eplb_cma_create(eplb_shm_queue_t *queue) {
  if (!queue)
    return NULL;
  eplb_comm_t *node = eplb_shm_queue_comm(queue);
  int neighbours = eplb_shm_queue_neighbours(queue);
  eplb_cma_t *f = EPLB_NEW(eplb_cma_t, 1);
  if (f)
    f->card = EPLB_NEW(card_t, neighbours);
  int good = eplb_everywhere(node, f && f->card);
  if (good) {
    f->mine = (card_t){(uint64_t)getpid(), (uint64_t)(uintptr_t)&f->mine, MPI_Wtime()};
    int told = eplb_comm_ok(
        node, MPI_Allgather(&f->mine, sizeof f->mine, MPI_BYTE, f->card, sizeof f->mine, MPI_BYTE, node->mpi),
        "exchanging process numbers");
    good = eplb_everywhere(node, told && finds_all(f, neighbours));
  }
  if (!good)
    eplb_cma_destroy(&f);
  return f;
}

void eplb_cma_destroy(eplb_cma_t **cma) {
  if (!*cma)
    return;
  free((*cma)->card);
  free(*cma);
  *cma = NULL;
}

/* The kernel reads this process as it would another. */
int eplb_cma_reaches(const eplb_cma_t *f, const char *address, size_t bytes) {
  char byte;
  return f && bytes && read_process(f->mine.process, (size_t)(uintptr_t)address, &byte, 1) &&
         read_process(f->mine.process, (size_t)(uintptr_t)address + bytes - 1, &byte, 1);
}

eplb_status_t eplb_cma_read(const eplb_cma_t *f, int neighbour, size_t address, char *to, size_t bytes) {
  if (read_process(f->card[neighbour].process, address, to, bytes))
    return EPLB_SUCCESS;
  return eplb_fail(EPLB_ERR_UNSUPPORTED, "%zu bytes of a neighbour (process %llu) cannot be read: %s", bytes,
                   (unsigned long long)f->card[neighbour].process, strerror(errno));
}
