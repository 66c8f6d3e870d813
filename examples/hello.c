/* Counts tokens, rebalances, and says what came of it: mpirun -n 4 ./hello */
#include <eplb/eplb_mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXPERTS = 16, SLOTS = 6, BYTES = 1024 };

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  eplb_session_options_t options;
  eplb_session_options_init(&options);
  options.num_layers = 1;
  options.num_experts = EXPERTS;
  options.slots_per_rank = SLOTS;

  eplb_session_t *session;
  eplb_report_t report;
  char *weights = (char *)calloc(SLOTS, BYTES);
  int64_t tokens[EXPERTS] = {900, 10, 30, 20, 500, 40, 10, 60, 30, 20, 10, 70, 20, 10, 30, 50};
  int failed = eplb_session_create(MPI_COMM_WORLD, &options, &session) ||
               eplb_session_register(session, 0, "weights", weights, BYTES, BYTES) ||
               eplb_session_record(session, 0, tokens) || eplb_rebalance(session, &report);
  if (failed)
    fprintf(stderr, "hello: %s\n", eplb_last_error());
  else if (eplb_session_placement(session)->physical_to_logical[0] >= 0 && report.transfers[EPLB_LINK_NODE] >= 0)
    printf("balance %.2f -> %.2f, %lld experts moved\n", report.balancedness_before, report.balancedness_after,
           (long long)report.slots_changed);
  if (!failed)
    eplb_session_destroy(&session);
  free(weights);
  MPI_Finalize();
  return failed;
}
