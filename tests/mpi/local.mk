# Programs under mpirun. NAME.test says with how many ranks NAME runs; see run.sh. A new test is a line in this list, and one below.
MPI_TESTS = \
	tests/mpi/machine/machine \
	tests/mpi/memory/gpu \
	tests/mpi/memory/killed \
	tests/mpi/memory/memory \
	tests/mpi/memory/neighbours \
	tests/mpi/migrate/big \
	tests/mpi/migrate/chains \
	tests/mpi/migrate/fake_transport \
	tests/mpi/migrate/modes \
	tests/mpi/migrate/permutations \
	tests/mpi/migrate/recipes \
	tests/mpi/migrate/written \
	tests/mpi/session/batch \
	tests/mpi/session/drain \
	tests/mpi/session/empty_ranks \
	tests/mpi/session/faults \
	tests/mpi/session/misuse \
	tests/mpi/session/mpi_errors \
	tests/mpi/session/out_of_step \
	tests/mpi/session/planning_ranks \
	tests/mpi/session/replicas \
	tests/mpi/session/route \
	tests/mpi/session/saved \
	tests/mpi/session/session \
	tests/mpi/session/trigger
MPI_LOGS = $(MPI_TESTS:=.log)
EXTRA_PROGRAMS += $(MPI_TESTS)
TESTS += $(MPI_TESTS:=.test)
EXTRA_DIST += $(MPI_TESTS:=.test) tests/mpi/run.sh
$(MPI_LOGS): %.log: %$(EXEEXT)

MPI_TEST_LIBS = tests/support/libjob.la tests/support/libsupport.la src/tools/common/libcommon.la \
	src/mpi/libruntime.la src/mpi/detect/libdetect.la src/core/libcore.la
tests_mpi_machine_machine_LDADD = $(MPI_TEST_LIBS)
tests_mpi_memory_gpu_LDADD = tests/support/libfakecuda.la $(MPI_TEST_LIBS)
tests_mpi_memory_killed_LDADD = $(MPI_TEST_LIBS)
tests_mpi_memory_memory_LDADD = $(MPI_TEST_LIBS)
tests_mpi_memory_neighbours_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_big_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_chains_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_fake_transport_SOURCES = tests/mpi/migrate/fake_transport.c tests/mpi/migrate/fake_transport.h \
	tests/mpi/migrate/fake_network.c
tests_mpi_migrate_fake_transport_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_modes_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_permutations_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_recipes_LDADD = $(MPI_TEST_LIBS)
tests_mpi_migrate_written_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_batch_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_drain_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_empty_ranks_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_faults_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_misuse_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_mpi_errors_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_out_of_step_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_planning_ranks_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_replicas_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_route_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_saved_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_session_LDADD = $(MPI_TEST_LIBS)
tests_mpi_session_trigger_LDADD = $(MPI_TEST_LIBS)

# Those that make allocations fail.
tests_mpi_machine_machine_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_memory_gpu_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_session_faults_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_mpi_session_session_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)

# With calls that make shared memory and then die.
tests_mpi_memory_killed_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=shm_open,--wrap=shm_unlink,--wrap=posix_fallocate

# With the kernel's copies between processes refused.
tests_mpi_memory_neighbours_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=process_vm_readv

# With calls of MPI that fail, in its own objects: a library would give them to every test.
tests_mpi_session_mpi_errors_SOURCES = tests/mpi/session/mpi_errors.c tests/support/failing_mpi.c tests/support/failing_mpi.h
