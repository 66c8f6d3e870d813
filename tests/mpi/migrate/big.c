/* Experts of more than 2^31 bytes, which two ranks exchange. */
#include "job.h"
#include "mpi_tap.h"
#include <stdlib.h>

enum { TAIL = 13 };
static const size_t expert_bytes = ((size_t)1 << 31) + TAIL;

/* Fills the slot with what expert `e` is, or says whether it is that. */
static int visit(char *slot, int e, int fill) {
  uint64_t x = (uint64_t)e + 1;
  int good = 1;
  for (size_t i = 0; i < expert_bytes; i += 997) { /* all chunks, and all alignments */
    x = x * 6364136223846793005u + 1442695040888963407u;
    if (fill)
      slot[i] = (char)(x >> 56);
    good &= slot[i] == (char)(x >> 56);
  }
  for (size_t i = expert_bytes - TAIL; i < expert_bytes; i++) {
    if (fill)
      slot[i] = (char)(e + (int)i);
    good &= slot[i] == (char)(e + (int)i);
  }
  return good;
}

static void exchange(eplb_mode_t mode) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  eplb_placement_t *initial = NULL;
  CHECK(!eplb_placement_create_linear(1, 2, 2, &initial));
  initial->physical_to_logical[0] = 1;
  initial->physical_to_logical[1] = 0;
  CHECK(!eplb_placement_index(initial));
  eplb_session_options_t o = job_options();
  o.num_layers = 1;
  o.num_experts = 2;
  o.slots_per_rank = 1;
  job_plan.num_groups = 1;
  o.initial = initial;
  o.mode = mode;
  o.chunk_bytes = 4 << 20;
  eplb_session_t *session = NULL;
  CHECK(!eplb_session_create(MPI_COMM_WORLD, &o, &session));
  char *slot = calloc(1, expert_bytes);
  CHECK(slot);
  visit(slot, 1 - rank, 1);
  CHECK(!eplb_session_register(session, 0, "weights", slot, expert_bytes, expert_bytes));
  CHECK(!eplb_session_record(session, 0, (const int64_t[]){2, 1}));
  eplb_report_t report = {.size = sizeof report};
  CHECK(!eplb_rebalance(session, &report));
  const eplb_placement_t *p = eplb_session_placement(session);
  CHECK(report.slots_changed == 2 && report.verified);
  CHECK(p->physical_to_logical[0] == 0 && p->physical_to_logical[1] == 1);
  CHECK(visit(slot, rank, 0));
  CHECK(!eplb_session_destroy(&session));
  free(slot);
  eplb_placement_destroy(&initial);
}

int main(int argc, char **argv) {
  mpi_tap_start(&argc, &argv);
  exchange(EPLB_MODE_SHADOW);
  mpi_tap_case("experts of 2^31 and 13 bytes change places");
  exchange(EPLB_MODE_IN_PLACE);
  mpi_tap_case("and in place");
  return mpi_tap_end();
}
