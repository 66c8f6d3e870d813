/* A job that starts again where it stopped: mpicc restart.c $(pkg-config --cflags --libs eplb-mpi) -o restart
 *
 *   mpirun -n 4 ./restart balance.eplb        the first start: 5 steps; then it saves and ends
 *   mpirun -n 3 ./restart balance.eplb        goes on, here with one rank less
 *
 * Prints:
 *
 *   new: balance 0.60 -> 0.99
 *   restored: balance 0.99 -> 0.99
 *
 * The weights themselves come from the job's checkpoint, here from load_expert: the session says which expert belongs into
 * which slot. */
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPERTS = 16, EXPERT_BYTES = 1024 };

static void need(eplb_status_t status) {
  if (status == EPLB_SUCCESS)
    return;
  fprintf(stderr, "restart: %s\n", eplb_last_error());
  MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

/* The checkpoint: every byte of an expert is its number. */
static void load_expert(int expert, char *slot) {
  memset(slot, expert, EXPERT_BYTES);
}

static int exists(const char *path) {
  FILE *file = fopen(path, "rb");
  int is_there = file != NULL;
  if (file)
    fclose(file);
  MPI_Bcast(&is_there, 1, MPI_INT, 0, MPI_COMM_WORLD); /* rank 0 reads it */
  return is_there;
}

/* Every rank loads what its slots hold. */
static void load(eplb_session_t *session, char *weights) {
  int slots;
  const int32_t *expert = eplb_session_slots(session, 0, &slots);
  for (int s = 0; s < slots; s++)
    if (expert[s] != EPLB_EMPTY)
      load_expert(expert[s], weights + s * EXPERT_BYTES);
}

static int count_wrong(eplb_session_t *session, const char *weights) {
  int slots, wrong = 0, all;
  const int32_t *expert = eplb_session_slots(session, 0, &slots);
  for (int s = 0; s < slots; s++)
    for (int i = 0; i < EXPERT_BYTES && expert[s] != EPLB_EMPTY; i++)
      wrong += weights[s * EXPERT_BYTES + i] != expert[s];
  MPI_Allreduce(&wrong, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

int main(int argc, char **argv) {
  int rank, ranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const char *path = argc > 1 ? argv[1] : "balance.eplb";
  const int is_restart = exists(path);

  eplb_session_options_t options;
  eplb_session_options_init(&options);
  options.num_layers = 1;
  options.num_experts = EXPERTS;
  options.slots_per_rank = EXPERTS / ranks + 2;
  eplb_session_t *session;
  need(is_restart ? eplb_session_restore(MPI_COMM_WORLD, &options, path, &session)
                  : eplb_session_create(MPI_COMM_WORLD, &options, &session));
  char *weights = (char *)calloc((size_t)options.slots_per_rank, EXPERT_BYTES);
  load(session, weights);
  need(eplb_session_register(session, 0, "weights", weights, EXPERT_BYTES, EXPERT_BYTES));

  const int64_t tokens[EXPERTS] = {900, 10, 30, 20, 500, 40, 10, 60, 30, 20, 10, 70, 20, 10, 30, 50};
  for (int step = 0; step < 5; step++)
    need(eplb_session_record(session, 0, tokens));
  eplb_report_t report;
  eplb_report_init(&report);
  need(eplb_rebalance(session, &report));
  const int wrong = count_wrong(session, weights);
  if (rank == 0)
    printf("%s: balance %.2f -> %.2f\n", is_restart ? "restored" : "new", report.balancedness_before,
           report.balancedness_after);
  need(eplb_session_save(session, path));

  need(eplb_session_destroy(&session));
  free(weights);
  MPI_Finalize();
  return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
