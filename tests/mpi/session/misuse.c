/* What callers get wrong: one clear sentence on every rank, and nothing lost. */
#include "job.h"
#include "mpi_tap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int rank, num_ranks;

static void check_refused(eplb_status_t status, eplb_status_t expected, const char *text) {
  CHECK(status == expected);
  int same = mpi_tap_same(status);
  CHECK(same);
  same = mpi_tap_same_text(eplb_last_error());
  CHECK(same);
  CHECK(strstr(eplb_last_error(), text));
  if (!strstr(eplb_last_error(), text))
    mpi_tap_check(0, eplb_last_error(), 0, text);
}

static void check_create_refused(const eplb_session_options_t *o, eplb_status_t expected, const char *text) {
  eplb_session_t *untouched = NULL;
  check_refused(eplb_session_create(MPI_COMM_WORLD, o, &untouched), expected, text);
  CHECK(untouched == NULL);
}

static void options_that_differ(void) {
  int odd = rank == num_ranks - 1; /* with one rank nothing differs */
  if (num_ranks > 1) {
    eplb_session_options_t o = job_options();
    o.num_experts += odd;
    check_create_refused(&o, EPLB_ERR_MISMATCH, "num_experts, from 24 to 25");
    o = job_options();
    o.slots_per_rank += odd;
    check_create_refused(&o, EPLB_ERR_MISMATCH, "slots_per_rank");
    o = job_options();
    job_plan.policy = odd ? EPLB_POLICY_GLOBAL : EPLB_POLICY_AUTO;
    check_create_refused(&o, EPLB_ERR_MISMATCH, "policy");
    o = job_options();
    eplb_topology_t *topology = job_deal_topology(odd ? 1 : 2, o.slots_per_rank);
    o.topology = topology;
    check_create_refused(&o, EPLB_ERR_MISMATCH, "topology");
    eplb_topology_destroy(&topology);
    o = job_options();
    o.history -= odd;
    check_create_refused(&o, EPLB_ERR_MISMATCH, "history, from 15 to 16");
    o = job_options();
    o.chunk_bytes = odd ? 0 : 1;
    check_create_refused(&o, EPLB_ERR_ARGUMENT, "chunk_bytes is 0");
    check_create_refused(odd ? NULL : &o, EPLB_ERR_ARGUMENT, "NULL");
  }
  mpi_tap_case("options that differ between ranks");
}

static void options_that_nobody_takes(void) {
  eplb_session_options_t o = job_options();
  o.num_layers = 0;
  check_create_refused(&o, EPLB_ERR_ARGUMENT, "num_layers is 0");
  o = job_options();
  o.history = 0;
  check_create_refused(&o, EPLB_ERR_ARGUMENT, "history is 0; expected a whole number from 1 to 16");
  o.history = 17;
  check_create_refused(&o, EPLB_ERR_ARGUMENT, "history is 17");
  o = job_options();
  o.size = 3;
  check_create_refused(&o, EPLB_ERR_ARGUMENT, "eplb_session_options_init");
  o = job_options();
  o.num_experts = o.slots_per_rank * num_ranks + 1;
  check_create_refused(&o, EPLB_ERR_SHAPE, "every expert needs one");
  o = job_options();
  job_plan.num_groups = JOB_EXPERTS + 1;
  job_plan.policy = EPLB_POLICY_GLOBAL;
  check_create_refused(&o, EPLB_ERR_SHAPE, "groups");
  o = job_options();
  eplb_topology_t *topology;
  CHECK(!eplb_topology_declare(1, num_ranks + 1, o.slots_per_rank, &topology));
  o.topology = topology;
  check_create_refused(&o, EPLB_ERR_SHAPE, "one device for each rank");
  eplb_topology_destroy(&topology);
  o = job_options();
  topology = job_deal_topology(1, o.slots_per_rank + 4);
  o.topology = topology;
  check_create_refused(&o, EPLB_ERR_SHAPE, "but the topology gives rank 0");
  eplb_topology_destroy(&topology);
  o = job_options();
  eplb_placement_t *initial;
  CHECK(!eplb_placement_create_linear(1, 2, 3, &initial));
  o.initial = initial;
  check_create_refused(&o, EPLB_ERR_SHAPE, "initial placement");
  eplb_placement_destroy(&initial);
  mpi_tap_case("options that no session takes");
}

/* Wherever a communicator is taken. */
static void intercommunicators(void) {
  if (num_ranks == 1)
    return;
  MPI_Comm half, inter;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - rank % 2, 7, &inter);
  eplb_session_options_t o = job_options();
  eplb_session_t *session = NULL;
  eplb_machine_t *machine = NULL;
  eplb_batch_t *batch = NULL;
  check_refused(eplb_session_create(inter, &o, &session), EPLB_ERR_ARGUMENT, "expected an intracommunicator");
  check_refused(eplb_machine_detect(inter, 1, &machine), EPLB_ERR_ARGUMENT, "expected an intracommunicator");
  check_refused(eplb_batch_create(inter, NULL, &batch), EPLB_ERR_ARGUMENT, "expected an intracommunicator");
  check_refused(eplb_batch_create(MPI_COMM_NULL, NULL, &batch), EPLB_ERR_ARGUMENT, "MPI_COMM_NULL");
  CHECK(!session && !machine && !batch);
  MPI_Comm_free(&inter);
  MPI_Comm_free(&half);
  mpi_tap_case("intercommunicators");
}

/* As each process finds itself that another MPI's mpirun has started. */
static void another_launcher(void) {
  eplb_session_options_t o = job_options();
  eplb_session_t *session = NULL;
  const char *size = getenv("PMI_SIZE");
  char before[16] = "";
  if (num_ranks > 1)
    return;
  snprintf(before, sizeof before, "%s", size ? size : "");
  setenv("PMI_SIZE", "3", 1);
  check_refused(eplb_session_create(MPI_COMM_WORLD, &o, &session), EPLB_ERR_UNSUPPORTED,
                "started 3 processes, but each is alone");
  if (*before)
    setenv("PMI_SIZE", before, 1);
  else
    unsetenv("PMI_SIZE");
  mpi_tap_case("the launcher of another MPI");
}

static void environment(void) {
  static const struct {
    const char *name, *value, *text;
  } wrong[] = {{"EPLB_POLICY", "globl", "EPLB_POLICY is \"globl\"; expected auto, hierarchical or global"},
               {"EPLB_CHUNK_BYTES", "2G", "EPLB_CHUNK_BYTES is \"2G\""},
               {"EPLB_CHUNK_BYTES", "1T", "EPLB_CHUNK_BYTES is \"1T\""},
               {"EPLB_CHUNK_BYTES", "", "EPLB_CHUNK_BYTES is \"\""},
               {"EPLB_VERIFY", "sometimes", "first, always or never"},
               {"EPLB_STAGING_BYTES", "-1", "EPLB_STAGING_BYTES"},
               {"EPLB_NUM_GROUPS", "99999999999999999999", "EPLB_NUM_GROUPS"},
               {"EPLB_HISTORY", "0", "EPLB_HISTORY is \"0\"; expected a whole number from 1 to 16"},
               {"EPLB_PLANER", "default", "EPLB_PLANER sets nothing; expected EPLB_PLANNER"},
               {"EPLB_MOVE_PRICE", "1", "EPLB_MOVE_PRICE is now called EPLB_MOVE_COST"},
               {"EPLB_PLANNER", "scenario", "EPLB_PLANNER is \"scenario\", which is now called history"},
               {"EPLB_BALANCE", ".5", "balance is 0.5, which the deepseek planner cannot use; expected planner window"},
               {"EPLB_EFFORT", "best", "effort is best, which the deepseek planner cannot use"},
               {"EPLB_HYSTERISIS", "2", "expected EPLB_HYSTERESIS"}};
  eplb_session_options_t o = job_options();
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int unused = strstr(wrong[i].text, "cannot use") != NULL; /* told once the planner is known: on every rank */
    if (unused || rank == num_ranks - 1)
      setenv(wrong[i].name, wrong[i].value, 1);
    check_create_refused(&o, unused ? EPLB_ERR_UNSUPPORTED : EPLB_ERR_ARGUMENT, wrong[i].text);
    unsetenv(wrong[i].name);
  }
  setenv("EPLB_STAGING_BYTES", "1", 1);
  job_t job;
  job_start(&job, &o);
  job_record(&job, 0, 0);
  check_refused(eplb_rebalance(job.session, NULL), EPLB_ERR_SHAPE, "staging_bytes allows 1");
  unsetenv("EPLB_STAGING_BYTES");
  job_finish(&job);
  mpi_tap_case("environment variables override, and are refused by name");
}

typedef struct lines {
  int count;
  char last[200];
} lines_t;

static void note_line(void *arg, const char *line) {
  lines_t *lines = arg;
  lines->count++;
  snprintf(lines->last, sizeof lines->last, "%s", line);
}

/* What others name so is no error; what may be meant for the library is told. */
static void variables_of_others(void) {
  eplb_session_options_t o = job_options();
  lines_t lines = {0};
  job_t job;
  o.log = note_line;
  o.log_arg = &lines;
  setenv("EPLB_ROOT", "/opt/eplb", 1);
  setenv("EPLB_PLUGIN", "x", 1);
  job_start(&job, &o);
  CHECK(lines.count == (rank == 0));
  CHECK(rank || strstr(lines.last, "environment variable EPLB_PLUGIN sets nothing"));
  job_record(&job, 0, 0);
  CHECK(!eplb_rebalance(job.session, NULL) && lines.count == (rank == 0)); /* once; and no trigger, no reasons */
  unsetenv("EPLB_ROOT");
  unsetenv("EPLB_PLUGIN");
  job_finish(&job);
  mpi_tap_case("variables that are not the library's are told, once");
}

static void calls_out_of_order(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  job_start(&job, &o);
  int layer = -7;
  check_refused(eplb_rebalance_test(job.session, &layer), EPLB_ERR_STATE, "no rebalance is open");
  check_refused(eplb_rebalance_end(job.session, NULL), EPLB_ERR_STATE, "no rebalance is open");
  check_refused(eplb_rebalance_commit(job.session, 0), EPLB_ERR_STATE, "no rebalance is open");
  CHECK(layer == -7);

  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  check_refused(eplb_rebalance_begin(job.session), EPLB_ERR_STATE, "open already");
  check_refused(eplb_rebalance(job.session, NULL), EPLB_ERR_STATE, "open already");
  check_refused(eplb_session_destroy(&job.session), EPLB_ERR_STATE, "open rebalance");
  CHECK(job.session != NULL);
  check_refused(eplb_session_register(job.session, 0, "late", NULL, 0, 0), EPLB_ERR_STATE, "while a rebalance is open");
  CHECK(!eplb_rebalance_wait(job.session, &layer));
  if (layer >= 0)
    check_refused(eplb_rebalance_commit(job.session, layer + 1), EPLB_ERR_ARGUMENT, "cannot be committed");
  CHECK(!eplb_rebalance_end(job.session, NULL));
  CHECK(job_is_whole(&job));
  CHECK(!eplb_rebalance(job.session, NULL));
  job_finish(&job);
  check_refused(eplb_rebalance_begin(NULL), EPLB_ERR_ARGUMENT, "NULL");
  CHECK(!eplb_session_destroy(NULL));
  mpi_tap_case("calls out of order");
}

static void tensors(void) {
  eplb_session_options_t o = job_options();
  eplb_session_t *s = NULL;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &s));
  int slots = o.slots_per_rank;
  char *memory = calloc((size_t)slots, 100);
  check_refused(eplb_rebalance(s, NULL), EPLB_ERR_STATE, "layer 0 has no registered tensor");
  check_refused(eplb_session_register(s, -1, "w", memory, 8, 8), EPLB_ERR_ARGUMENT, "layer -1");
  check_refused(eplb_session_register(s, 0, "", memory, 8, 8), EPLB_ERR_ARGUMENT, "without a name");
  check_refused(eplb_session_register(s, 0, "w", NULL, 8, 8), EPLB_ERR_ARGUMENT, "NULL");
  check_refused(eplb_session_register(s, 0, "w", memory, 8, 7), EPLB_ERR_ARGUMENT, "stride of 7");
  check_refused(eplb_session_register(s, 0, "w", memory, 8, SIZE_MAX / 2), EPLB_ERR_ARGUMENT, "address space");
  CHECK(!eplb_session_register(s, 0, "w", memory, 60, 100));
  CHECK(!eplb_session_register(s, 0, "scale", memory + 60, 40, 100)); /* interleaved, slot by slot */
  check_refused(eplb_session_register(s, 0, "w", memory, 1, 1), EPLB_ERR_STATE, "registered already");
  check_refused(eplb_session_register(s, 1, "w", memory + 99, 1, 100), EPLB_ERR_STATE,
                "overlaps tensor \"scale\" of layer 0");
  for (int l = 1; l < JOB_LAYERS; l++)
    CHECK(!eplb_session_register(s, l, "empty", NULL, 0, 16));
  int64_t count[JOB_EXPERTS] = {1};
  for (int l = 0; l < JOB_LAYERS; l++)
    CHECK(!eplb_session_record(s, l, count));
  CHECK(!eplb_rebalance(s, NULL)); /* tensors of no bytes move, too */
  CHECK(!eplb_session_register(s, 3, rank == num_ranks - 1 ? "odd" : "even", NULL, 0, 0));
  if (num_ranks > 1)
    check_refused(eplb_rebalance(s, NULL), EPLB_ERR_MISMATCH, "layer 3");
  CHECK(!eplb_session_destroy(&s));
  free(memory);
  mpi_tap_case("tensors registered wrongly, twice, or not alike");
}

static void counts(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  job_start(&job, &o);
  int64_t count[JOB_EXPERTS] = {0};
  check_refused(eplb_session_record(job.session, JOB_LAYERS, count), EPLB_ERR_ARGUMENT, "layer 5");
  check_refused(eplb_session_record(job.session, 0, NULL), EPLB_ERR_ARGUMENT, "NULL");
  count[7] = -3;
  check_refused(eplb_session_record(job.session, 0, count), EPLB_ERR_LOADS, "layer 0, expert 7: a count of -3");
  count[7] = INT64_MAX;
  CHECK(!eplb_session_record(job.session, 0, count));
  count[7] = 1;
  check_refused(eplb_session_record(job.session, 0, count), EPLB_ERR_LOADS, "2^63");
  eplb_status_t status = eplb_rebalance(job.session, NULL); /* 2^63 - 1 rounds to 2^63 as a double */
  check_refused(status, EPLB_ERR_LOADS, "layer 0, expert 7");
  CHECK(job_is_whole(&job));
  job_record(&job, 1, 0); /* that window is gone */
  CHECK(!eplb_rebalance(job.session, NULL));
  CHECK(job_is_whole(&job));
  job_finish(&job);
  mpi_tap_case("counts that are none");
}

/* What only warm-up counted moves nothing. */
static void windows_are_discarded(void) {
  eplb_session_options_t o = job_options();
  eplb_report_t report = {.size = sizeof report};
  job_t job;
  job_start(&job, &o);
  job_record(&job, 1, 0);
  CHECK(!eplb_session_discard_window(job.session));
  CHECK(!eplb_rebalance(job.session, &report) && report.layers_planned == 0);
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance(job.session, &report) && (num_ranks == 1 || report.layers_planned > 0));
  CHECK(job_is_whole(&job));
  job_finish(&job);
  check_refused(eplb_session_discard_window(NULL), EPLB_ERR_ARGUMENT, "session is NULL");
  mpi_tap_case("a window that is discarded");
}

/* The job allocates its weights anew: by tables with spares this time. */
static void tensors_are_registered_anew(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  job_start(&job, &o);
  job_record(&job, 1, 0);
  CHECK(!eplb_rebalance_begin(job.session));
  check_refused(eplb_session_unregister(job.session, 0, NULL), EPLB_ERR_STATE, "while a rebalance is open");
  CHECK(!eplb_rebalance_end(job.session, NULL));
  check_refused(eplb_session_unregister(job.session, 0, "wights"), EPLB_ERR_ARGUMENT, "has no tensor \"wights\"");
  check_refused(eplb_session_unregister(job.session, JOB_LAYERS, NULL), EPLB_ERR_ARGUMENT, "layer is 5");
  check_refused(eplb_session_unregister_spares(job.session, "w"), EPLB_ERR_ARGUMENT, "no spares of \"w\"");
  CHECK(!eplb_session_unregister(job.session, 0, "weights") && !eplb_session_unregister(job.session, 0, "scales"));
  for (int l = 1; l < JOB_LAYERS; l++)
    CHECK(!eplb_session_unregister(job.session, l, NULL));
  check_refused(eplb_rebalance(job.session, NULL), EPLB_ERR_STATE, "layer 0 has no registered tensor");
  weights_t old = job.weights;
  CHECK(!weights_create(JOB_LAYERS, o.slots_per_rank, o.slots_per_rank, JOB_EXPERT_BYTES, NULL, &job.weights));
  weights_free(&old);
  weights_fill(&job.weights, eplb_session_placement(job.session), eplb_session_topology(job.session), rank);
  CHECK(!weights_register(&job.weights, job.session));
  job_record(&job, 2, 0);
  CHECK(!eplb_rebalance(job.session, NULL) && job_is_whole(&job));
  CHECK(!eplb_session_unregister_spares(job.session, "scales"));
  check_refused(eplb_rebalance(job.session, NULL), EPLB_ERR_STATE, "expected spares of that name");
  job_finish(&job);
  mpi_tap_case("tensors unregistered and registered anew");
}

/* Weights that are read-only or were given back are told before anything is moved. */
static void memory_that_cannot_be_written(void) {
  eplb_session_options_t o = job_options();
  job_t job;
  eplb_session_t *s = NULL;
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = page * (size_t)o.slots_per_rank;
  char *memory = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &s));
  check_refused(eplb_session_register(s, 0, "w", memory, page, page), EPLB_ERR_ARGUMENT,
                "tensor \"w\" has slot 0 in memory that is read-only");
  check_refused(eplb_session_register_spares(s, "w", (void **)&memory, 1, page), EPLB_ERR_ARGUMENT, "spare 0 of \"w\"");
  CHECK(!mprotect(memory, bytes - page, PROT_READ | PROT_WRITE));
  check_refused(eplb_session_register(s, 0, "w", memory, page, page), EPLB_ERR_ARGUMENT, "read-only");
  CHECK(!mprotect(memory, bytes, PROT_READ | PROT_WRITE));
  CHECK(!eplb_session_register(s, 0, "w", memory, page, page));
  CHECK(!eplb_session_destroy(&s));

  job_start(&job, &o);
  CHECK(!eplb_session_register(job.session, 0, "more", memory, page, page));
  job_record(&job, 0, 0);
  if (rank == num_ranks - 1)
    CHECK(!munmap(memory, bytes));
  check_refused(eplb_rebalance(job.session, NULL), EPLB_ERR_ARGUMENT, "slot 0 in memory that is not mapped");
  CHECK(!eplb_session_unregister(job.session, 0, "more"));
  CHECK(!eplb_rebalance(job.session, NULL) && job_is_whole(&job));
  job_finish(&job);
  if (rank < num_ranks - 1)
    munmap(memory, bytes);
  mpi_tap_case("memory that is read-only or not there");
}

static void no_session(void) {
  eplb_session_options_t o = job_options();
  int64_t count[JOB_EXPERTS] = {0};
  int layer = -7;
  eplb_session_t *untouched = NULL;
  check_refused(eplb_session_create(MPI_COMM_NULL, &o, &untouched), EPLB_ERR_ARGUMENT, "MPI_COMM_NULL");
  CHECK(untouched == NULL);
  check_refused(eplb_session_create(MPI_COMM_WORLD, &o, NULL), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_session_register(NULL, 0, "w", count, 8, 8), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_session_record(NULL, 0, count), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_rebalance(NULL, NULL), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_rebalance_test(NULL, &layer), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_rebalance_wait(NULL, &layer), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_rebalance_commit(NULL, 0), EPLB_ERR_ARGUMENT, "session is NULL");
  check_refused(eplb_rebalance_end(NULL, NULL), EPLB_ERR_ARGUMENT, "session is NULL");
  CHECK(layer == -7);
  mpi_tap_case("calls without a session");
}

/* One rank has forgotten a layer's tensor. */
static void tensor_of_some_ranks(void) {
  eplb_session_options_t o = job_options();
  o.num_layers = 2;
  eplb_session_t *s = NULL;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &s));
  int64_t count[JOB_EXPERTS] = {1};
  for (int l = 0; l < 2; l++) {
    CHECK(!eplb_session_record(s, l, count));
    if (l == 0 || rank < num_ranks - 1)
      CHECK(!eplb_session_register(s, l, "w", NULL, 0, 0));
  }
  check_refused(eplb_rebalance(s, NULL), EPLB_ERR_STATE, "layer 1 has no registered tensor");
  if (rank == num_ranks - 1)
    CHECK(!eplb_session_register(s, 1, "w", NULL, 0, 0));
  CHECK(!eplb_rebalance(s, NULL));
  CHECK(!eplb_session_destroy(&s));
  mpi_tap_case("a tensor registered on all ranks but one");
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
  options_that_differ();
  options_that_nobody_takes();
  intercommunicators();
  another_launcher();
  environment();
  variables_of_others();
  calls_out_of_order();
  tensors();
  tensor_of_some_ranks();
  tensors_are_registered_anew();
  windows_are_discarded();
  memory_that_cannot_be_written();
  no_session();
  counts();
  static eplb_session_t *forgotten;
  eplb_session_options_t o = job_options();
  int failed = eplb_session_create(MPI_COMM_WORLD, &o, &forgotten) != EPLB_SUCCESS;
  failed |= mpi_tap_end();
  return failed || eplb_session_destroy(&forgotten) != EPLB_ERR_STATE || !forgotten; /* MPI is finalized */
}
