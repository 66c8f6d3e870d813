/* Cases of an MPI test: every rank checks, all ranks learn of every failure, rank 0 prints TAP. */
#ifndef TESTS_MPI_TAP_H
#define TESTS_MPI_TAP_H

/* Starts MPI. */
void mpi_tap_start(int *argc, char ***argv);

/* Notes a failure of this rank in the current case, and says where. Never stops. */
void mpi_tap_check(int good, const char *file, int line, const char *what);
#define CHECK(condition) mpi_tap_check((condition) ? 1 : 0, __FILE__, __LINE__, #condition)

/* Ends the current case. Collective. */
void mpi_tap_case(const char *title);

/* Ends MPI, after rank 0 has printed how many cases there were; returns main's exit status, the same on every rank.
 * Collective. */
int mpi_tap_end(void);

/* From here on (yes) or no longer (!yes) what is allocated may leak: once MPI has failed, buffers that it may still
 * write to are never freed. For LeakSanitizer; without it, nothing. */
void mpi_tap_may_leak(int yes);

/* Whether all ranks have the same number, and whether they have the same text. Collective. */
int mpi_tap_same(long long value);
int mpi_tap_same_text(const char *text);

#endif
