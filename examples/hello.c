/* Counts tokens, rebalances, and says what came of it: mpirun -n 4 ./hello */
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPERTS = 16, EXPERT_BYTES = 1024 };

int main(int argc, char **argv) {
  int rank, ranks;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);

  eplb_session_options_t options;
  eplb_session_options_init(&options);
  options.num_layers = 1;
  options.num_experts = EXPERTS;
  options.slots_per_rank = EXPERTS / ranks + 2; /* room for replicas */

  /* Slot k of this rank is to hold expert physical_to_logical[rank * slots_per_rank + k] of eplb_session_placement. */
  char *weights = (char *)calloc((size_t)options.slots_per_rank, EXPERT_BYTES);
  const int64_t tokens[EXPERTS] = {900, 10, 30, 20, 500, 40, 10, 60, 30, 20, 10, 70, 20, 10, 30, 50};

  eplb_session_t *session;
  eplb_report_t report;
  eplb_report_init(&report);
  if (eplb_session_create(MPI_COMM_WORLD, &options, &session) ||
      eplb_session_register(session, 0, "weights", weights, EXPERT_BYTES, EXPERT_BYTES) ||
      eplb_session_record(session, 0, tokens) || eplb_rebalance(session, &report)) {
    fprintf(stderr, "hello: %s\n", eplb_last_error());
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
  }
  if (rank == 0)
    printf("balance %.2f -> %.2f, %d slot%s changed\n", report.balancedness_before, report.balancedness_after,
           (int)report.slots_changed, report.slots_changed == 1 ? "" : "s");

  eplb_session_destroy(&session);
  free(weights);
  MPI_Finalize();
  return EXIT_SUCCESS;
}
