/* killed WHERE FILE: a session of two rebalances and memory from eplb_session_allocate, in which the last rank kills
 * itself WHERE: a number of a step of session.h, or before or after a call that makes shared memory. Each rank writes its
 * process number to FILE.RANK first, so that what it leaves in /dev/shm can be told from what others have there. */
#include "job.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const char *where;
static int is_victim, is_allocating;

static void die_if(const char *here) {
  if (is_victim && is_allocating && !strcmp(where, here))
    raise(SIGKILL);
}

int __real_shm_open(const char *name, int flags, mode_t mode);
int __wrap_shm_open(const char *name, int flags, mode_t mode);
int __wrap_shm_open(const char *name, int flags, mode_t mode) {
  int file = __real_shm_open(name, flags, mode);
  die_if("opened");
  return file;
}

int __real_shm_unlink(const char *name);
int __wrap_shm_unlink(const char *name);
int __wrap_shm_unlink(const char *name) {
  int status = __real_shm_unlink(name);
  die_if("unlinked");
  return status;
}

int __real_posix_fallocate(int file, off_t offset, off_t bytes);
int __wrap_posix_fallocate(int file, off_t offset, off_t bytes);
int __wrap_posix_fallocate(int file, off_t offset, off_t bytes) {
  int status = __real_posix_fallocate(file, offset, bytes);
  die_if("reserved");
  return status;
}

static eplb_status_t die_at_step(void *arg, eplb_step_t step, void *bytes, size_t size) {
  (void)arg;
  (void)bytes;
  (void)size;
  if (is_victim && (int)step == atoi(where) && *where <= '9')
    raise(SIGKILL);
  return EPLB_SUCCESS;
}

static void tell_process(const char *file, int rank) {
  char name[512];
  snprintf(name, sizeof name, "%s.%d", file, rank);
  FILE *out = fopen(name, "w");
  if (!out)
    MPI_Abort(MPI_COMM_WORLD, 2);
  fprintf(out, "%ld\n", (long)getpid());
  fclose(out);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  if (argc != 3)
    MPI_Abort(MPI_COMM_WORLD, 2);
  job_t job = {0};
  int rank, num_ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  where = argv[1];
  is_victim = rank == num_ranks - 1;
  tell_process(argv[2], rank);
  MPI_Barrier(MPI_COMM_WORLD);
  eplb_session_options_t options = job_options();
  options.fault = die_at_step;
  job_start(&job, &options);
  void *memory;
  is_allocating = 1;
  eplb_status_t status = eplb_session_allocate(job.session, (size_t)64 << 20, &memory);
  is_allocating = 0;
  for (int round = 0; round < 2 && !status; round++) {
    job_record(&job, round, 0);
    status = eplb_rebalance(job.session, NULL);
  }
  job_finish(&job);
  MPI_Finalize();
  return 0; /* alive: WHERE is no place that it comes by */
}
