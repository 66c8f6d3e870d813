/* Opens POSIX shared memory on all ranks of a node or on none: reserves the pages first, because touching a page that
 * the system cannot supply kills the process. */
#include "mpi/memory/shm_segment.h"
#include "core/util/alloc.h"
#include "mpi/comm/agree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

eplb_status_t eplb_shm_segment_allocate(const eplb_comm_t *node, eplb_shm_segment_t *shared) {
  shared->num_ranks = node->size;
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

/* Makes all pages of the file, which grows by that. */
static int reserve(int file, size_t bytes) {
  int error;
  do
    error = posix_fallocate(file, 0, (off_t)bytes);
  while (error == EINTR);
  return !error;
}

/* Maps the shared memory of the span's name, which may still be empty. Returns its file descriptor, or -1. */
static int map(eplb_span_t *span, int flags) {
  int file = shm_open(span->name, O_RDWR | flags, 0600);
  if (file < 0)
    return -1;
  void *base = mmap(NULL, span->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (base == MAP_FAILED) {
    close(file);
    return -1;
  }
  span->base = base;
  return file;
}

/* This rank's own is mapped already. */
static int map_others(eplb_shm_segment_t *s, int own) {
  int file = 0;
  for (int r = 0; r < s->num_ranks; r++)
    if (r != own)
      s->span[r].base = NULL;
  for (int r = 0; r < s->num_ranks && file >= 0; r++)
    if (r != own && s->span[r].bytes && (file = map(&s->span[r], 0)) >= 0)
      close(file);
  return file >= 0;
}

/* Gathers the spans of all ranks in s->span. Returns 0 if MPI fails; then only this rank's span is set. */
static int exchange_spans(eplb_comm_t *node, const eplb_span_t *mine, eplb_shm_segment_t *s) {
  int is_known =
      eplb_comm_ok(node, MPI_Allgather(mine, sizeof *mine, MPI_BYTE, s->span, sizeof *mine, MPI_BYTE, node->mpi),
                   "exchanging the names of shared memory");
  for (int r = 0; r < s->num_ranks && !is_known; r++)
    s->span[r] = (eplb_span_t){.bytes = 0};
  s->span[node->rank] = *mine;
  return is_known;
}

/* Ranks go through the same messages whatever they find: where MPI fails they may think differently of the others. */
int eplb_shm_segment_open(eplb_comm_t *node, size_t bytes, eplb_shm_segment_t *s) {
  eplb_span_t mine = {.bytes = bytes};
  choose_name(&mine, node->rank);
  int file = bytes ? map(&mine, O_CREAT | O_EXCL) : -1;
  int good = eplb_everywhere(node, !bytes || file >= 0);
  int told = exchange_spans(node, &mine, s);
  good &= eplb_everywhere(node, good && told && map_others(s, node->rank));
  if (bytes)
    shm_unlink(mine.name);
  good &= eplb_everywhere(node, good && (!bytes || reserve(file, bytes)));
  if (file >= 0)
    close(file);
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
