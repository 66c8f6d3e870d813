#include "mpi/memory/shm_segment.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

eplb_status_t eplb_shm_segment_allocate(MPI_Comm node, eplb_shm_segment_t *shared) {
  MPI_Comm_size(node, &shared->num_ranks);
  shared->span = EPLB_NEW(eplb_span_t, shared->num_ranks);
  return shared->span ? EPLB_SUCCESS : EPLB_ERR_MEMORY;
}

/* A name that no other process has, in whatever container it may be. */
static void choose_name(eplb_span_t *span, int rank) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(span->name, sizeof span->name, "/eplb-%ld-%d-%lld-%ld", (long)getpid(), rank, (long long)now.tv_sec,
           now.tv_nsec);
}

static int reserve(int file, size_t bytes) {
  int error;
  do
    error = posix_fallocate(file, 0, (off_t)bytes);
  while (error == EINTR);
  return !error;
}

/* Maps what goes by the span's name; makes it first where `flags` say so. */
static int map(eplb_span_t *span, int flags) {
  int file = shm_open(span->name, O_RDWR | flags, 0600);
  if (file < 0)
    return 0;
  void *base = MAP_FAILED;
  if (!(flags & O_CREAT) || reserve(file, span->bytes))
    base = mmap(NULL, span->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (base == MAP_FAILED)
    return 0;
  span->base = base;
  return 1;
}

/* This rank's own is mapped already. */
static int map_others(eplb_shm_segment_t *s, int own) {
  int all = 1;
  for (int r = 0; r < s->num_ranks; r++)
    if (r != own)
      s->span[r].base = NULL;
  for (int r = 0; r < s->num_ranks && all; r++)
    all = r == own || !s->span[r].bytes || map(&s->span[r], 0);
  return all;
}

int eplb_shm_segment_open(MPI_Comm node, size_t bytes, eplb_shm_segment_t *s) {
  int own;
  MPI_Comm_rank(node, &own);
  eplb_span_t mine = {.bytes = bytes};
  choose_name(&mine, own);
  int good = eplb_everywhere(node, !bytes || map(&mine, O_CREAT | O_EXCL));
  s->span[own] = mine;
  if (good) {
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, s->span, sizeof mine, MPI_BYTE, node);
    good = eplb_everywhere(node, map_others(s, own));
  }
  if (bytes)
    shm_unlink(mine.name);
  if (!good)
    eplb_shm_segment_free(s);
  return good;
}

void eplb_shm_segment_free(eplb_shm_segment_t *s) {
  for (int r = 0; s->span && r < s->num_ranks; r++)
    if (s->span[r].base)
      munmap(s->span[r].base, s->span[r].bytes);
  free(s->span);
  s->span = NULL;
}
