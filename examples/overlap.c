/* A job that computes while its experts move: mpirun -n 8 ./overlap [MiB of an expert]. Prints how long a rebalance
 * takes that it waits for, and how long it is in the calls of one that goes on between its steps: the rest is hidden.
 *
 * A step sleeps, as a processor does whose GPU computes, and ends with what ranks exchange. Weights move on while it
 * computes as far as the network goes by itself, and further when the job looks after them.
 *
 * A step only reads weights, as in inference, so a rebalance stays open over many steps. Training writes them: there,
 * begin after the optimizer's step and call eplb_rebalance_finish_layer before each layer's forward pass; a write to a
 * layer that is moving ends the rebalance with EPLB_ERR_CHANGED. See "Who may read and write weights" in
 * eplb/session.h. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXPERTS = 64 };
#define STEP_SECONDS 5e-3

static void need(eplb_status_t status) {
  if (status == EPLB_SUCCESS)
    return;
  fprintf(stderr, "overlap: %s\n", eplb_last_error());
  MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

/* Reads weights by the maps of now; writes none. */
static void compute_step(void) {
  const struct timespec step = {0, (long)(STEP_SECONDS * 1e9)};
  nanosleep(&step, NULL);
  MPI_Barrier(MPI_COMM_WORLD);
}

/* The expert that this rank's slot k holds: every byte of it is its number, so that main can see that all went where it
 * should. */
static int32_t expert_in(const eplb_session_t *session, int rank, int k) {
  const int first = eplb_session_topology(session)->slot_begin[rank];
  return eplb_session_placement(session)->physical_to_logical[first + k];
}

static void fill(const eplb_session_t *session, int rank, int slots, char *weights, size_t bytes) {
  for (int k = 0; k < slots; k++)
    memset(weights + (size_t)k * bytes, expert_in(session, rank, k), bytes);
}

static int count_wrong(const eplb_session_t *session, int rank, int slots, const char *weights, size_t bytes) {
  int wrong = 0, all;
  for (int k = 0; k < slots; k++)
    for (size_t i = 0; i < bytes; i++)
      wrong += weights[(size_t)k * bytes + i] != expert_in(session, rank, k);
  MPI_Allreduce(&wrong, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

/* Every second call has the other half of the experts busy: each rebalance has much to move. */
static void record(eplb_session_t *session, int call) {
  int64_t tokens[EXPERTS];
  for (int e = 0; e < EXPERTS; e++)
    tokens[e] = (e < EXPERTS / 2) == (call % 2) ? 1000 + 37 * e : 10 + e;
  need(eplb_session_record(session, 0, tokens));
}

static double slowest(double mine) {
  double all;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

/* Seconds of the whole, without the decision. */
static double rebalance_alone(eplb_session_t *session, int call) {
  eplb_report_t report;
  eplb_report_init(&report);
  record(session, call);
  need(eplb_rebalance(session, &report));
  return slowest(report.seconds_migrate);
}

/* Seconds that the job waited, and in *steps how many it took meanwhile. */
static double rebalance_between_steps(eplb_session_t *session, int call, int *steps) {
  int layer = EPLB_LAYER_NONE;
  eplb_report_t report;
  eplb_report_init(&report);
  record(session, call);
  need(eplb_rebalance_begin(session));
  for (*steps = 0; layer != EPLB_LAYER_DONE; ++*steps) {
    compute_step();
    need(eplb_rebalance_test(session, &layer));
    if (layer >= 0) /* on every rank, after the same step: from here on tokens go by the new maps */
      need(eplb_rebalance_commit(session, layer));
  }
  need(eplb_rebalance_end(session, &report));
  return slowest(report.seconds_migrate);
}

int main(int argc, char **argv) {
  int rank, ranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const size_t bytes = (size_t)(argc > 1 ? atoi(argv[1]) : 1) << 20;

  eplb_session_t *session;
  eplb_session_options_t options;
  eplb_plan_options_t plan;
  eplb_session_options_init(&options);
  eplb_plan_options_init(&plan);
  plan.planner = EPLB_PLANNER_DEEPSEEK; /* the one that moves most */
  options.plan = &plan;
  options.num_layers = 1;
  options.num_experts = EXPERTS;
  options.slots_per_rank = EXPERTS / ranks + 4;
  char *weights = (char *)calloc((size_t)options.slots_per_rank, bytes);
  need(eplb_session_create(MPI_COMM_WORLD, &options, &session));
  need(eplb_session_register(session, 0, "weights", weights, bytes, bytes));
  fill(session, rank, options.slots_per_rank, weights, bytes);

  rebalance_alone(session, 0); /* touches memory and opens connections for the first time */
  const double alone = rebalance_alone(session, 1);
  rebalance_alone(session, 2); /* back to where that began */
  int steps;
  const double waited = rebalance_between_steps(session, 3, &steps);
  const int wrong = count_wrong(session, rank, options.slots_per_rank, weights, bytes);
  if (rank == 0) {
    printf("alone %.3f s; between %d steps %.3f s: ", alone, steps, waited);
    printf("%.0f %% hidden\n%d bytes wrong\n", 100 * (1 - waited / alone), wrong);
  }

  need(eplb_session_destroy(&session));
  free(weights);
  MPI_Finalize();
  return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
