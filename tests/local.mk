# Every test prints TAP, so that make check counts cases, not programs.
TEST_EXTENSIONS = .test
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TEST_LOG_DRIVER)

# Root in a container, more ranks than cores. What the system's libraries leak is not ours.
AM_TESTS_ENVIRONMENT = \
	MPIEXEC='$(MPIEXEC)'; export MPIEXEC; \
	OMPI_ALLOW_RUN_AS_ROOT=1; export OMPI_ALLOW_RUN_AS_ROOT; \
	OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM; \
	OMPI_MCA_rmaps_base_oversubscribe=1; export OMPI_MCA_rmaps_base_oversubscribe; \
	OMPI_MCA_mpi_yield_when_idle=1; export OMPI_MCA_mpi_yield_when_idle; \
	OMPI_MCA_hwloc_base_binding_policy=none; export OMPI_MCA_hwloc_base_binding_policy; \
	LSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/leaks.supp:print_suppressions=0; export LSAN_OPTIONS;
EXTRA_DIST += tests/leaks.supp

check_LTLIBRARIES += tests/support/libtap.la
tests_support_libtap_la_SOURCES = tests/support/tap.c tests/support/tap.h
tests_support_libtap_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS)
tests_support_libtap_la_LIBADD = $(CUNIT_LIBS)

check_LTLIBRARIES += tests/support/libshapes.la
tests_support_libshapes_la_SOURCES = \
	tests/support/naive.c \
	tests/support/naive.h \
	tests/support/shapes.c \
	tests/support/shapes.h
tests_support_libshapes_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS)
tests_support_libshapes_la_LIBADD = -lm

include tests/fuzz/local.mk
include tests/unit/local.mk
include tests/mpi/local.mk
include tests/tools/local.mk
include tests/hosts/local.mk
include tests/smpi/local.mk

# All but those on several hosts, which want the machine for themselves.
HERE_TESTS = $(UNIT_TESTS) $(FUZZ_TARGETS) $(MPI_TESTS:=.test) $(TOOL_TESTS) tests/smpi/migrate.test

# What can differ with another MPI, and what sanitizers may see more of.
OTHER_MPI_TESTS = tests/mpi/batch.test tests/mpi/faults.test tests/mpi/memory.test \
	tests/mpi/misuse.test tests/mpi/session.test
SANITIZED_TESTS = $(UNIT_TESTS) $(FUZZ_TARGETS) $(MPI_TESTS:=.test) tests/tools/plan.test tests/tools/replay.test

# What reads files of the distribution or builds against what is installed. scripts/check runs this, with MPICH.
DIST_TESTS = tests/unit/golden \
	tests/tools/generate.test tests/tools/hello.test tests/tools/help.test tests/tools/plan.test
