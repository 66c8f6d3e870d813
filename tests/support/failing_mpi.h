/* Makes a chosen call of MPI fail, by its profiling interface: this file's MPI_ functions call PMPI_ ones. Only between
 * failing_mpi_resume and failing_mpi_pause do calls count, so that a test's own do not. */
#ifndef TESTS_FAILING_MPI_H
#define TESTS_FAILING_MPI_H

/* How the call fails. A collective call that one rank leaves out would make the others wait for ever, in any program:
 * so where one rank alone fails, its collective calls are done all the same, and their results come with an error. */
typedef enum failing_mpi {
  FAILING_MPI_AFTER,     /* it is done, and returns an error */
  FAILING_MPI_INSTEAD,   /* it returns an error without being done, unless it is collective */
  FAILING_MPI_FROM_THEN, /* as AFTER, and so do all calls that follow */
  FAILING_MPI_ALIKE      /* of the calls that are collective over all ranks, on each rank: it is not done */
} failing_mpi_t;

/* The call after `successes` others fails; -1: none. An idle look (MPI_Test, MPI_Testsome) after another does not
 * count, since how many there are is a matter of time. Counting is paused. */
void failing_mpi_after(long successes, failing_mpi_t how);
void failing_mpi_resume(void);
void failing_mpi_pause(void);

/* How many calls have failed, and the name of the first. */
int failing_mpi_failures(void);
const char *failing_mpi_name(void);

#endif
