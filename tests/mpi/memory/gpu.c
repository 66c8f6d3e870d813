/* The GPU kinds of memory, by a FAKE runtime library: no GPU has a part in this. */
#include "failing_memory.h"
#include "fake_cuda.h"
#include "mpi_tap.h"
#include "trial.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, num_ranks;

/* Every GPU library is now the one at `path`. */
static void set_library(const char *path) {
  setenv("EPLB_CUDA_LIBRARY", path, 1);
  setenv("EPLB_HIP_LIBRARY", path, 1);
}

static void check_refused(const char *kind, eplb_status_t expected, const char *text) {
  eplb_memory_t *untouched = NULL;
  CHECK(eplb_gpu_memory_create(kind, &untouched) == expected);
  CHECK(!untouched);
  CHECK(strstr(eplb_last_error(), text));
  CHECK(fake_cuda_live() == 0);
}

static void what_cannot_be_is_said(const char *fake) {
  check_refused("metal", EPLB_ERR_ARGUMENT, "\"metal\"; expected cuda or hip");
  check_refused(NULL, EPLB_ERR_ARGUMENT, "expected cuda or hip");
  set_library("/nowhere/libcudart.so");
  check_refused("cuda", EPLB_ERR_UNSUPPORTED, "EPLB_CUDA_LIBRARY names cannot be loaded");
  check_refused("hip", EPLB_ERR_UNSUPPORTED, "EPLB_HIP_LIBRARY names cannot be loaded");
  set_library("libc.so.6");
  check_refused("cuda", EPLB_ERR_UNSUPPORTED, "has no cudaGetDeviceCount");
  check_refused("hip", EPLB_ERR_UNSUPPORTED, "has no hipGetDeviceCount");
  set_library(fake);
  setenv("EPLB_GPU_AWARE", "perhaps", 1);
  check_refused("cuda", EPLB_ERR_ARGUMENT, "EPLB_GPU_AWARE is \"perhaps\"");
  unsetenv("EPLB_GPU_AWARE");
  fake_cuda_set_devices(-1);
  check_refused("cuda", EPLB_ERR_UNSUPPORTED, "no GPU: counting devices failed with error 35: the fake library has no");
  CHECK(fake_cuda_last_error() == 0);
  fake_cuda_set_devices(0);
  check_refused("hip", EPLB_ERR_UNSUPPORTED, "no GPU: the hip library counts none");
  fake_cuda_set_devices(1);
  CHECK(eplb_gpu_memory_create("cuda", NULL) == EPLB_ERR_ARGUMENT && fake_cuda_live() == 0);
  fake_cuda_fail_after("StreamCreateWithFlags", 0);
  check_refused("cuda", EPLB_ERR_UNSUPPORTED, "creating a stream");
  fake_cuda_fail_after("EventCreateWithFlags", EPLB_MEMORY_QUEUES - 1);
  check_refused("hip", EPLB_ERR_UNSUPPORTED, "creating a stream and events");
  fake_cuda_fail_after(NULL, 0);
  failing_memory_after(0);
  check_refused("cuda", EPLB_ERR_MEMORY, "out of memory");
  failing_memory_after(-1);
  mpi_tap_case("no library, a call that it lacks, no device: one sentence");
}

/* Whatever this machine has by itself. */
static void this_machine_is_asked(void) {
  unsetenv("EPLB_CUDA_LIBRARY");
  unsetenv("EPLB_HIP_LIBRARY");
  const char *const kinds[] = {"cuda", "hip"};
  for (int k = 0; k < 2; k++) {
    eplb_memory_t *memory = NULL;
    eplb_status_t status = eplb_gpu_memory_create(kinds[k], &memory);
    CHECK(status == EPLB_SUCCESS || status == EPLB_ERR_UNSUPPORTED);
    CHECK((memory != NULL) == (status == EPLB_SUCCESS));
    CHECK(!status || strstr(eplb_last_error(), "no "));
    if (rank == 0)
      printf("# %s on this machine: %s\n", kinds[k], status ? eplb_last_error() : "there");
    eplb_gpu_memory_destroy(&memory);
    CHECK(!memory);
  }
  eplb_gpu_memory_destroy(NULL);
  mpi_tap_case("a machine without GPU says so");
}

static void queues_are_waited_for(void) {
  eplb_memory_t *memory = NULL;
  CHECK(!eplb_gpu_memory_create("cuda", &memory));
  void *device = NULL, *host = NULL;
  int done = 0, queries = 0, moved = 0x5a5a5a5a;
  CHECK(!memory->allocate(memory->self, sizeof moved, &device));
  CHECK(!memory->allocate_host(memory->self, sizeof moved, &host));
  memset(host, 0, sizeof moved);
  CHECK(!memory->test(memory->self, 5, &done) && done); /* nothing was started */
  CHECK(!memory->copy(memory->self, 5, device, &moved, sizeof moved, EPLB_COPY_IN));
  CHECK(!memory->copy(memory->self, 6, host, device, sizeof moved, EPLB_COPY_OUT));
  CHECK(!memory->test(memory->self, 6, &done) && !done && fake_cuda_pending() == 2);
  for (done = 0; !done && queries < 100; queries++)
    CHECK(!memory->test(memory->self, 6, &done));
  CHECK(done && !memcmp(host, &moved, sizeof moved));
  CHECK(!memory->test(memory->self, 5, &done) && done); /* one stream: the copy before it is done, too */
  CHECK(fake_cuda_last_error() == 0);                   /* "not ready" is not left for the job to find */
  memory->release(memory->self, device);
  memory->release(memory->self, NULL);
  memory->release_host(memory->self, host);
  memory->release_host(memory->self, NULL);
  eplb_gpu_memory_destroy(&memory);
  CHECK(fake_cuda_live() == 0);
  mpi_tap_case("a queue is done when the library says so");
}

static void rounds(const char *kind, const char *aware, eplb_mode_t mode, size_t chunk_bytes) {
  setenv("EPLB_GPU_AWARE", aware, 1);
  int is_aware = !strcmp(aware, "yes");
  fake_cuda_open_memory(is_aware);
  eplb_memory_t *memory = NULL;
  CHECK(!eplb_gpu_memory_create(kind, &memory));
  CHECK(!strcmp(memory->name, kind) && memory->mpi_can_touch == is_aware && !memory->host_can_touch);
  eplb_session_options_t o = trial_options();
  o.memory = memory;
  o.mode = mode;
  o.chunk_bytes = chunk_bytes;
  for (int nodes = 1; nodes <= 2 && nodes <= num_ranks; nodes++)
    trial_rounds(&o, nodes);
  eplb_gpu_memory_destroy(&memory);
  CHECK(fake_cuda_live() == 0 && fake_cuda_pending() == 0);
  fake_cuda_open_memory(0);
  unsetenv("EPLB_GPU_AWARE");
}

static void rounds_of_each_kind(void) {
  rounds("cuda", "auto", EPLB_MODE_SHADOW, 700);
  rounds("cuda", "no", EPLB_MODE_IN_PLACE, 1 << 20);
  rounds("hip", "no", EPLB_MODE_SHADOW, 701);
  mpi_tap_case("fake GPU: all bytes right through pinned buffers");
  rounds("cuda", "yes", EPLB_MODE_SHADOW, 700);
  rounds("hip", "yes", EPLB_MODE_IN_PLACE, 1 << 20);
  rounds("cuda", "yes", EPLB_MODE_IN_PLACE, 5); /* shorter than a checksum */
  mpi_tap_case("fake GPU: all bytes right by GPU-aware MPI");
}

/* By wait and commit; a layer is sent again. Each call ends alike on all ranks. */
static eplb_status_t rebalance_by_commit(eplb_session_t *session) {
  int layer = EPLB_LAYER_NONE;
  eplb_status_t status = eplb_rebalance_begin(session);
  if (status)
    return status;
  status = eplb_rebalance_changed(session, 1);
  CHECK(mpi_tap_same(status));
  while (!status && layer != EPLB_LAYER_DONE) {
    status = eplb_rebalance_wait(session, &layer);
    CHECK(mpi_tap_same(status));
    if (!status && layer >= 0)
      status = eplb_rebalance_commit(session, layer);
    CHECK(mpi_tap_same(status));
  }
  char sentence[EPLB_ERROR_MAX];
  strcpy(sentence, eplb_last_error());
  CHECK(!eplb_rebalance_end(session, NULL));
  return status ? eplb_fail(status, "%s", sentence) : status;
}

static eplb_status_t rebalance_at_once(eplb_session_t *session) {
  return eplb_rebalance(session, NULL);
}

static void fail_call(const char *call, int at, eplb_status_t (*rebalance)(eplb_session_t *)) {
  int any = 1;
  for (long n = 0; any && n < 100000; n += 5 * n + 1) {
    eplb_memory_t *memory = NULL;
    CHECK(!eplb_gpu_memory_create("cuda", &memory));
    eplb_session_options_t o = trial_options();
    o.memory = memory;
    cargo_t cargo;
    cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
    cargo_record(&cargo, 1);
    long long maps = cargo_hash_of_maps(&cargo);
    fake_cuda_fail_after(rank == at ? call : NULL, n);
    eplb_status_t status = rebalance(cargo.session);
    int failures = fake_cuda_failures();
    fake_cuda_fail_after(NULL, 0);
    CHECK(fake_cuda_pending() == 0); /* nothing is under way to buffers that are gone */
    any = trial_outcome(&cargo, status, failures, maps);
    CHECK(n > 0 || any);
    CHECK(fake_cuda_last_error() == 0);
    cargo_finish(&cargo);
    eplb_gpu_memory_destroy(&memory);
    CHECK(fake_cuda_live() == 0);
  }
}

static void failures_end_alike(void) {
  const char *const calls[] = {"Malloc", "HostAlloc", "MemcpyAsync", "EventRecord", "EventQuery"};
  for (int at = 0; at < num_ranks; at++)
    for (int c = 0; c < 5; c++) {
      fail_call(calls[c], at, rebalance_at_once);
      fail_call(calls[c], at, rebalance_by_commit);
    }
  mpi_tap_case("fake GPU: each call fails on each rank");
}

/* ---- MPI fails ---- */

typedef struct fault {
  eplb_step_t step;
  int left; /* steps of this kind until it happens */
} fault_t;

static eplb_status_t fail_as_mpi(void *arg, eplb_step_t step, void *bytes, size_t size) {
  fault_t *fault = arg;
  (void)bytes, (void)size;
  return rank == num_ranks - 1 && step == fault->step && fault->left-- == 0 ? EPLB_ERR_MPI : EPLB_SUCCESS;
}

/* No copy is under way to memory that is given back. Returns whether it happened. */
static int fail_mpi(eplb_step_t step, int after) {
  eplb_memory_t *memory = NULL;
  CHECK(!eplb_gpu_memory_create("cuda", &memory));
  fault_t fault = {step, after};
  eplb_session_options_t o = trial_options();
  o.memory = memory;
  o.chunk_bytes = 200;
  o.fault = fail_as_mpi;
  o.fault_arg = &fault;
  cargo_t cargo;
  cargo_start(&cargo, &o, trial_tensors, TRIAL_TENSORS, o.slots_per_rank);
  cargo_record(&cargo, 1);
  eplb_status_t status = eplb_rebalance(cargo.session, NULL);
  CHECK(mpi_tap_same(status) && (!status || status == EPLB_ERR_MPI));
  CHECK(fake_cuda_pending() == 0);
  cargo_finish(&cargo);
  eplb_gpu_memory_destroy(&memory);
  return status != EPLB_SUCCESS;
}

static void copies_end_where_mpi_fails(void) {
  static const eplb_step_t steps[] = {EPLB_STEP_SEND, EPLB_STEP_RECEIVE};
  mpi_tap_may_leak(1); /* what MPI may still touch */
  for (int s = 0; s < 2; s++)
    for (int after = 0; after < 40 && fail_mpi(steps[s], after); after += 3)
      ;
  mpi_tap_may_leak(0);
  mpi_tap_case("fake GPU: MPI fails while copies are under way");
}

int main(int argc, char **argv) {
  const char *fake = getenv("FAKE_CUDA");
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  CHECK(fake);
  this_machine_is_asked();
  what_cannot_be_is_said(fake ? fake : "");
  queues_are_waited_for();
  rounds_of_each_kind();
  failures_end_alike();
  if (num_ranks > 1)
    copies_end_where_mpi_fails();
  return mpi_tap_end();
}
