# Programs under mpirun, at several numbers of ranks each; see run.sh for which.
MPI_TESTS = tests/mpi/batch tests/mpi/session tests/mpi/faults tests/mpi/misuse
check_PROGRAMS += $(MPI_TESTS)
TESTS += tests/mpi/batch.test tests/mpi/session.test tests/mpi/faults.test tests/mpi/misuse.test
EXTRA_DIST += tests/mpi/run.sh tests/mpi/batch.test tests/mpi/session.test tests/mpi/faults.test tests/mpi/misuse.test

check_LTLIBRARIES += tests/support/libjob.la
tests_support_libjob_la_SOURCES = \
	src/tools/weights.c \
	src/tools/weights.h \
	tests/support/failing_memory.c \
	tests/support/failing_memory.h \
	tests/support/job.c \
	tests/support/job.h \
	tests/support/mpi_tap.c \
	tests/support/mpi_tap.h
tests_support_libjob_la_CPPFLAGS = $(MPI_TEST_CPPFLAGS)

MPI_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/support $(MPI_CFLAGS)
MPI_TEST_LIBS = tests/support/libjob.la src/runtime/libruntime.la src/detect/libdetect.la src/core/libcore.la
FAILING_MEMORY = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free

tests_mpi_session_SOURCES = tests/mpi/session.c
tests_mpi_session_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_session_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_session_LDADD = $(MPI_TEST_LIBS)

tests_mpi_faults_SOURCES = tests/mpi/faults.c
tests_mpi_faults_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_faults_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_faults_LDADD = $(MPI_TEST_LIBS)

tests_mpi_misuse_SOURCES = tests/mpi/misuse.c
tests_mpi_misuse_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_misuse_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_misuse_LDADD = $(MPI_TEST_LIBS)

tests_mpi_batch_SOURCES = tests/mpi/batch.c
tests_mpi_batch_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_batch_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_batch_LDADD = $(MPI_TEST_LIBS)
