/* What ranks of a node can get at of each other's memory. */
#include "job.h"
#include "mpi/memory/shm_segment.h"
#include "mpi/session/session.h"
#include "mpi_tap.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

/* Headers older than the kernel. */
#ifndef MADV_POPULATE_WRITE
enum { MADV_POPULATE_WRITE = 23 };
#endif

enum { BYTES = 100003, PAGES = 512 };
static eplb_comm_t world;
static int rank, num_ranks;

static char byte_of(int owner, size_t at) {
  return (char)(at * 7 + (size_t)owner * 31);
}

static void fetch_from_all(const eplb_shm_queue_t *queue, const eplb_cma_t *cma, char *own, char *got) {
  uint64_t mine = (uint64_t)(uintptr_t)own, address[64];
  MPI_Allgather(&mine, 1, MPI_UINT64_T, address, 1, MPI_UINT64_T, MPI_COMM_WORLD);
  for (int n = 0; n < eplb_shm_queue_neighbours(queue); n++) {
    int peer = eplb_shm_queue_rank(queue, n), wrong = 0;
    CHECK(!eplb_cma_read(cma, n, (size_t)address[peer] + 5, got + 3, BYTES - 5));
    for (size_t i = 5; i < BYTES; i++)
      wrong += got[i - 2] != byte_of(peer, i);
    CHECK(wrong == 0 && got[2] == 0 && got[BYTES - 2] == 0);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* There is no cma, and the case says so, where the kernel does not let ranks read each other. */
static void fetches(void) {
  eplb_shm_queue_t *queue = NULL;
  CHECK(!eplb_shm_queue_create(&world, 1 << 16, &queue));
  eplb_cma_t *cma = eplb_cma_create(queue);
  CHECK(mpi_tap_same(cma != NULL));
  char *own = malloc(BYTES), *got = calloc(1, BYTES);
  for (size_t i = 0; i < BYTES; i++)
    own[i] = byte_of(rank, i);
  CHECK(!eplb_cma_reaches(NULL, own, BYTES));
  CHECK(!eplb_cma_reaches(cma, own, 0));
  if (cma) {
    CHECK(eplb_cma_reaches(cma, own, BYTES));
    CHECK(!eplb_cma_reaches(cma, (char *)64, 100));
    fetch_from_all(queue, cma, own, got);
    CHECK(eplb_cma_read(cma, 0, 64, got, 100) == EPLB_ERR_UNSUPPORTED && strstr(eplb_last_error(), "100 bytes"));
  }
  int can = cma != NULL;
  free(own);
  free(got);
  eplb_cma_destroy(&cma);
  eplb_shm_queue_destroy(&queue);
  mpi_tap_case(can ? "neighbours' memory is fetched"
                   : "no neighbour, or the kernel does not let ranks read each other");
}

static eplb_status_t note_longest(void *arg, eplb_step_t step, void *bytes, size_t size) {
  int *longest = arg;
  (void)bytes;
  if (step == EPLB_STEP_SEND && (int)size > *longest)
    *longest = (int)size;
  return EPLB_SUCCESS;
}

/* Chunks in one tensor are fetched together, those that end in another go by cells. */
static void private_weights_move(void) {
  enum { EXPERT = 200001, CHUNK = 70001 };
  int longest = 0, of_all;
  job_t job = {.rank = rank, .num_ranks = num_ranks};
  eplb_session_options_t o = job_options();
  o.chunk_bytes = CHUNK;
  o.verify = EPLB_VERIFY_ALWAYS;
  o.fault = note_longest;
  o.fault_arg = &longest;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &job.session));
  CHECK(!weights_create(JOB_LAYERS, o.slots_per_rank, o.slots_per_rank, EXPERT, NULL, &job.weights));
  weights_fill(&job.weights, eplb_session_placement(job.session), eplb_session_topology(job.session), rank);
  CHECK(!weights_register(&job.weights, job.session));
  for (int round = 0; round < 3; round++) {
    eplb_report_t report = {.size = sizeof report};
    job_record(&job, round, 0);
    CHECK(!eplb_rebalance(job.session, &report) && report.verified);
    CHECK(num_ranks == 1 || report.slots_changed > 0);
    CHECK(job_is_whole(&job));
  }
  MPI_Allreduce(&longest, &of_all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  CHECK((of_all > CHUNK) == (job.session->migrate.cma != NULL));
  job_finish(&job);
  mpi_tap_case("weights in each rank's own memory");
}

/* Calls of process_vm_readv by this rank that are still let through; -1: all. */
static long allowed = -1;

ssize_t __real_process_vm_readv(pid_t process, const struct iovec *here, unsigned long num_here,
                                const struct iovec *there, unsigned long num_there, unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t process, const struct iovec *here, unsigned long num_here,
                                const struct iovec *there, unsigned long num_there, unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t process, const struct iovec *here, unsigned long num_here,
                                const struct iovec *there, unsigned long num_there, unsigned long flags) {
  if (allowed == 0) {
    errno = EPERM;
    return -1;
  }
  allowed -= allowed > 0;
  return __real_process_vm_readv(process, here, num_here, there, num_there, flags);
}

static void count_line(void *arg, const char *line) {
  *(int *)arg += strstr(line, "process_vm_readv") != NULL;
}

/* Rank `at` may make so many more such calls once the session is there. Returns whether the session then went on without
 * them. */
static int refuse_after(long calls, int at, eplb_verify_t verify) {
  enum { EXPERT = 200001 };
  int lines = 0;
  job_t job = {.rank = rank, .num_ranks = num_ranks};
  eplb_session_options_t o = job_options();
  o.verify = verify;
  o.log = count_line;
  o.log_arg = &lines;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &job.session));
  int had_cma = job.session->migrate.cma != NULL;
  CHECK(!weights_create(JOB_LAYERS, o.slots_per_rank, o.slots_per_rank, EXPERT, NULL, &job.weights));
  weights_fill(&job.weights, eplb_session_placement(job.session), eplb_session_topology(job.session), rank);
  CHECK(!weights_register(&job.weights, job.session));
  allowed = rank == at ? calls : -1;
  for (int round = 0; round < 3; round++) {
    job_record(&job, round, 0);
    CHECK(!eplb_rebalance(job.session, NULL));
    CHECK(job_is_whole(&job));
  }
  int has_fallen_back = had_cma && !job.session->migrate.cma;
  CHECK(mpi_tap_same(has_fallen_back));
  CHECK(rank > 0 || lines == has_fallen_back);
  allowed = -1;
  job_finish(&job);
  return has_fallen_back || !had_cma;
}

static void refused_later(void) {
  static const long calls[] = {0, 1, 5, 12};
  int any = num_ranks == 1;
  for (int i = 0; i < 4; i++) {
    any |= refuse_after(calls[i], 0, EPLB_VERIFY_NEVER);
    any |= refuse_after(calls[i], num_ranks - 1, EPLB_VERIFY_ALWAYS);
  }
  CHECK(any);
  mpi_tap_case("the kernel refuses later to let ranks read each other");
}

static void invert_all(const weights_t *w) {
  for (int t = 0; t < WEIGHTS_TENSORS; t++)
    for (int s = 0; s < w->num_layers * w->num_slots; s++)
      for (size_t i = 0; i < w->bytes[t]; i++)
        ((char *)w->slot[t][s])[i] ^= 0x5a;
}

/* The job writes all weights after `tests` looks, and tells so or not. Ranks wait for each other, because none may read
 * while another writes. */
static eplb_status_t rebalance_and_write(const job_t *job, int tests, int tells) {
  int layer = EPLB_LAYER_NONE;
  CHECK(!eplb_rebalance_begin(job->session));
  for (int i = 0; i < tests; i++)
    CHECK(!eplb_rebalance_test(job->session, &layer));
  MPI_Barrier(MPI_COMM_WORLD);
  invert_all(&job->weights);
  MPI_Barrier(MPI_COMM_WORLD);
  for (int l = 0; l < JOB_LAYERS && tells; l++)
    CHECK(!eplb_rebalance_changed(job->session, l));
  eplb_status_t status = eplb_rebalance_finish_layer(job->session, JOB_LAYERS - 1);
  CHECK(mpi_tap_same(status) && mpi_tap_same_text(status ? eplb_last_error() : ""));
  CHECK(!eplb_rebalance_end(job->session, NULL));
  return status;
}

/* In the round in which rank `at` is refused. Returns whether the session went on without the kernel's copies. */
static int refuse_and_write(int at, int tests, int tells, eplb_verify_t verify) {
  enum { EXPERT = 200001 };
  job_t job = {.rank = rank, .num_ranks = num_ranks};
  eplb_session_options_t o = job_options();
  o.verify = verify;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &job.session));
  int had_cma = job.session->migrate.cma != NULL;
  CHECK(!weights_create(JOB_LAYERS, o.slots_per_rank, o.slots_per_rank, EXPERT, NULL, &job.weights));
  weights_fill(&job.weights, eplb_session_placement(job.session), eplb_session_topology(job.session), rank);
  CHECK(!weights_register(&job.weights, job.session));
  allowed = rank == at ? 0 : -1;
  job_record(&job, 1, 0);
  eplb_status_t status = rebalance_and_write(&job, tests, tells);
  allowed = -1;
  CHECK(status == (tells ? EPLB_SUCCESS : EPLB_ERR_CHANGED));
  invert_all(&job.weights);
  CHECK(job_is_whole(&job));
  int has_fallen_back = had_cma && !job.session->migrate.cma;
  CHECK(mpi_tap_same(has_fallen_back));
  job_record(&job, 2, 0);
  CHECK(!eplb_rebalance(job.session, NULL) && job_is_whole(&job));
  job_finish(&job);
  return has_fallen_back || !had_cma;
}

/* Layers that were written are sent again, or end the rebalance, as without a refusal on the first or the last rank. */
static void refused_and_written(void) {
  int any = num_ranks == 1;
  for (int at = 0; at < num_ranks && num_ranks > 1; at += num_ranks - 1)
    for (int tests = 0; tests < 12; tests += 6)
      for (int tells = 0; tells < 2; tells++) {
        any |= refuse_and_write(at, tests, tells, EPLB_VERIFY_NEVER);
        any |= refuse_and_write(at, tests, tells, EPLB_VERIFY_ALWAYS);
      }
  CHECK(any);
  mpi_tap_case("the kernel refuses, and the job writes, in the same round");
}

static long count_faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/* Faults of touching each page of `memory`: PAGES if the pages come one by one. A sanitizer's shadow has a page for
 * eight. */
static long touch(volatile char *memory, size_t page) {
  long before = count_faults();
  for (size_t i = 0; i < PAGES; i++)
    memory[i * page]++;
  return count_faults() - before;
}

/* Where the kernel can do that at all. */
static void pages_are_there(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *other = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int can = !madvise(other, page, MADV_POPULATE_WRITE);
  munmap(other, page);
  eplb_shm_queue_t *queue = NULL;
  eplb_shm_regions_t *regions = NULL;
  void *memory = NULL;
  CHECK(!eplb_shm_queue_create(&world, 1 << 16, &queue));
  CHECK(!eplb_shm_regions_add(&world, queue, &regions, PAGES * page, &memory));
  long faults = touch(memory, page);
  CHECK(!queue || !can || faults < PAGES / 4);
  int32_t region;
  size_t offset;
  CHECK(eplb_shm_regions_find(regions, memory, 1, &region, &offset) == (queue != NULL));
  MPI_Barrier(MPI_COMM_WORLD);
  for (int n = 0; n < eplb_shm_queue_neighbours(queue); n++)
    CHECK(*eplb_shm_regions_at(regions, n, region, offset) == 1);
  MPI_Barrier(MPI_COMM_WORLD);
  eplb_shm_regions_destroy(&regions);
  eplb_shm_queue_destroy(&queue);
  mpi_tap_case("pages of session memory are mapped before they are used");
}

/* One rank asks for more than there can be: none has any. */
static void too_much_for_one(void) {
  for (int at = 0; at < num_ranks; at++) {
    eplb_shm_segment_t shared;
    CHECK(!eplb_shm_segment_allocate(&world, &shared));
    CHECK(!eplb_shm_segment_open(&world, rank == at ? SIZE_MAX / 2 + 1 : 1000, &shared) && !shared.span);
    CHECK(!eplb_shm_segment_allocate(&world, &shared));
    CHECK(eplb_shm_segment_open(&world, rank == at ? 0 : 1000, &shared));
    for (int r = 0; r < num_ranks; r++)
      CHECK((shared.span[r].base == NULL) == (r == at));
    eplb_shm_segment_free(&shared);
  }
  mpi_tap_case("memory is shared by all ranks or by none");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  eplb_comm_open(&world, MPI_COMM_WORLD, NULL);
  fetches();
  private_weights_move();
  refused_later();
  refused_and_written();
  pages_are_there();
  too_much_for_one();
  return mpi_tap_end();
}
