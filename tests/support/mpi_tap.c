#include "mpi_tap.h"
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int rank, num_ranks, failures_in_case, num_cases, failed_cases;

void mpi_tap_start(int *argc, char ***argv) {
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &num_ranks);
}

void mpi_tap_check(int good, const char *file, int line, const char *what) {
  if (good)
    return;
  if (failures_in_case++ < 5)
    printf("# rank %d of %d: %s:%d: %s\n", rank, num_ranks, file, line, what);
  fflush(stdout);
}

void mpi_tap_case(const char *title) {
  int failures;
  MPI_Allreduce(&failures_in_case, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0)
    printf("%s - %s (%d ranks)\n", failures ? "not ok" : "ok", title, num_ranks);
  fflush(stdout);
  num_cases++;
  failed_cases += failures > 0;
  failures_in_case = 0;
}

int mpi_tap_end(void) {
  if (rank == 0)
    printf("# cases: %d\n", num_cases);
  fflush(stdout);
  MPI_Finalize();
  return failed_cases > 0;
}

/* Of LeakSanitizer: null in programs without it. */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

void mpi_tap_may_leak(int yes) {
  void (*change)(void) = yes ? __lsan_disable : __lsan_enable;
  if (change)
    change();
}

int mpi_tap_same(long long value) {
  long long own[2] = {value, -value}, least[2];
  MPI_Allreduce(own, least, 2, MPI_LONG_LONG, MPI_MIN, MPI_COMM_WORLD);
  return least[0] == -least[1];
}

int mpi_tap_same_text(const char *text) {
  char first[1024] = "";
  if (rank == 0)
    snprintf(first, sizeof first, "%s", text);
  MPI_Bcast(first, (int)sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
  return mpi_tap_same(!strcmp(first, text)) && !strcmp(first, text);
}
