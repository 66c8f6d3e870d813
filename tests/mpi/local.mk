# Programs under mpirun, at several numbers of ranks each; see run.sh for which.
MPI_TESTS = \
	tests/mpi/batch \
	tests/mpi/big \
	tests/mpi/chains \
	tests/mpi/faults \
	tests/mpi/gpu \
	tests/mpi/machine \
	tests/mpi/memory \
	tests/mpi/misuse \
	tests/mpi/modes \
	tests/mpi/neighbours \
	tests/mpi/permutations \
	tests/mpi/session \
	tests/mpi/trigger
check_PROGRAMS += $(MPI_TESTS)
TESTS += $(MPI_TESTS:=.test)
EXTRA_DIST += $(MPI_TESTS:=.test) tests/mpi/run.sh

check_LTLIBRARIES += tests/support/libjob.la
tests_support_libjob_la_SOURCES = \
	src/tools/common/weights.c \
	src/tools/common/weights.h \
	tests/support/cargo.c \
	tests/support/cargo.h \
	tests/support/failing_memory.c \
	tests/support/failing_memory.h \
	tests/support/guarded.c \
	tests/support/guarded.h \
	tests/support/job.c \
	tests/support/job.h \
	tests/support/mpi_tap.c \
	tests/support/mpi_tap.h \
	tests/support/pages.c \
	tests/support/pages.h \
	tests/support/trial.c \
	tests/support/trial.h
tests_support_libjob_la_CPPFLAGS = $(MPI_TEST_CPPFLAGS)

# A shared library, as what it stands for is: -rpath makes it one, though it is never installed.
check_LTLIBRARIES += tests/support/libfakecuda.la
tests_support_libfakecuda_la_SOURCES = \
	tests/support/fake_cuda.c \
	tests/support/fake_cuda.h \
	tests/support/pages.c \
	tests/support/pages.h
tests_support_libfakecuda_la_LDFLAGS = $(AM_LDFLAGS) -avoid-version -rpath $(abs_builddir)

MPI_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/support $(MPI_CFLAGS)
MPI_TEST_LIBS = tests/support/libjob.la src/mpi/libruntime.la src/mpi/detect/libdetect.la src/core/libcore.la
FAILING_MEMORY = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free

tests_mpi_session_SOURCES = tests/mpi/session.c
tests_mpi_session_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_session_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_session_LDADD = $(MPI_TEST_LIBS)

tests_mpi_machine_SOURCES = tests/mpi/machine.c
tests_mpi_machine_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_machine_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_machine_LDADD = $(MPI_TEST_LIBS)

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

tests_mpi_big_SOURCES = tests/mpi/big.c
tests_mpi_big_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_big_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_big_LDADD = $(MPI_TEST_LIBS)

tests_mpi_chains_SOURCES = tests/mpi/chains.c
tests_mpi_chains_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_chains_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_chains_LDADD = $(MPI_TEST_LIBS)

tests_mpi_memory_SOURCES = tests/mpi/memory.c
tests_mpi_memory_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_memory_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_memory_LDADD = $(MPI_TEST_LIBS)

tests_mpi_modes_SOURCES = tests/mpi/modes.c
tests_mpi_modes_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_modes_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_modes_LDADD = $(MPI_TEST_LIBS)

tests_mpi_gpu_SOURCES = tests/mpi/gpu.c
tests_mpi_gpu_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_gpu_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_gpu_LDADD = tests/support/libfakecuda.la $(MPI_TEST_LIBS)

tests_mpi_permutations_SOURCES = tests/mpi/permutations.c
tests_mpi_permutations_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_permutations_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_permutations_LDADD = $(MPI_TEST_LIBS)

tests_mpi_trigger_SOURCES = tests/mpi/trigger.c
tests_mpi_trigger_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_trigger_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_trigger_LDADD = $(MPI_TEST_LIBS)
tests_mpi_neighbours_SOURCES = tests/mpi/neighbours.c
tests_mpi_neighbours_CPPFLAGS = $(MPI_TEST_CPPFLAGS)
tests_mpi_neighbours_LDADD = $(MPI_TEST_LIBS)
