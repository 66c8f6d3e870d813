# Every test prints TAP, so that make check counts cases, not programs.
TEST_EXTENSIONS = .test
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TEST_LOG_DRIVER)

# Root in a container, more ranks than cores. What the system's libraries leak is not ours.
AM_TESTS_ENVIRONMENT = \
	MPIEXEC='$(MPIEXEC)'; export MPIEXEC; \
	. '$(abs_top_srcdir)/scripts/mpi-environment'; \
	LSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/leaks.supp:print_suppressions=0; export LSAN_OPTIONS;
EXTRA_DIST += tests/leaks.supp

# Programs and libraries of tests are EXTRA_: a test's log depends on what the test needs, and nothing else is built for it.
CLEANFILES += $(EXTRA_PROGRAMS) $(EXTRA_LTLIBRARIES)

# What a test's program is made of unless it says otherwise: the file of its name, and these.
AM_DEFAULT_SOURCE_EXT = .c
LDADD = $(UNIT_LIBS) src/core/formats/libformats.la src/core/libcore.la
UNIT_LIBS = tests/support/libunit.la tests/support/libsupport.la
FAILING_MEMORY = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free

# For tests without a launcher, with CUnit.
EXTRA_LTLIBRARIES += tests/support/libunit.la
tests_support_libunit_la_SOURCES = \
	tests/support/comma_locale.c \
	tests/support/comma_locale.h \
	tests/support/folder.c \
	tests/support/folder.h \
	tests/support/loads_file.c \
	tests/support/loads_file.h \
	tests/support/loads_forms.c \
	tests/support/loads_forms.h \
	tests/support/machine_table.c \
	tests/support/machine_table.h \
	tests/support/naive.c \
	tests/support/naive.h \
	tests/support/shapes.c \
	tests/support/shapes.h \
	tests/support/tap.c \
	tests/support/tap.h
tests_support_libunit_la_LIBADD = $(CUNIT_LIBS) -lm

# For all tests.
EXTRA_LTLIBRARIES += tests/support/libsupport.la
tests_support_libsupport_la_SOURCES = \
	tests/support/failing_memory.c \
	tests/support/failing_memory.h \
	tests/support/pages.c \
	tests/support/pages.h \
	tests/support/plan_window.h

# For tests under a launcher.
EXTRA_LTLIBRARIES += tests/support/libjob.la
tests_support_libjob_la_SOURCES = \
	tests/support/cargo.c \
	tests/support/cargo.h \
	tests/support/guarded.c \
	tests/support/guarded.h \
	tests/support/job.c \
	tests/support/job.h \
	tests/support/mpi_tap.c \
	tests/support/mpi_tap.h \
	tests/support/trial.c \
	tests/support/trial.h

# A shared library, as what it stands for is: -rpath makes it one, though it is never installed.
EXTRA_LTLIBRARIES += tests/support/libfakecuda.la
tests_support_libfakecuda_la_SOURCES = \
	tests/support/fake_cuda.c \
	tests/support/fake_cuda.h \
	tests/support/pages.c \
	tests/support/pages.h
tests_support_libfakecuda_la_LDFLAGS = $(AM_LDFLAGS) -avoid-version -rpath $(abs_builddir)

EXTRA_LTLIBRARIES += tests/support/libfakenvml.la
tests_support_libfakenvml_la_SOURCES = \
	tests/support/fake_nvml.c \
	tests/support/fake_nvml.h
tests_support_libfakenvml_la_LDFLAGS = $(AM_LDFLAGS) -avoid-version -rpath $(abs_builddir)

include tests/fuzz/local.mk
include tests/house/local.mk
include tests/core/local.mk
include tests/mpi/local.mk
include tests/tools/local.mk
include tests/python/local.mk
include tests/hosts/local.mk
include tests/smpi/local.mk

# All but those on several hosts, which want the machine for themselves.
HERE_TESTS = $(HOUSE_TESTS) $(UNIT_TESTS) $(FUZZ_TARGETS) $(MPI_TESTS:=.test) $(TOOL_TESTS) $(PYTHON_TESTS) tests/smpi/migrate.test

# What can differ with another MPI, and what sanitizers may see more of.
OTHER_MPI_TESTS = tests/mpi/memory/memory.test tests/mpi/session/batch.test tests/mpi/session/faults.test \
	tests/mpi/session/misuse.test tests/mpi/session/replicas.test tests/mpi/session/route.test tests/mpi/session/saved.test \
	tests/mpi/session/session.test
SANITIZED_TESTS = $(UNIT_TESTS) $(FUZZ_TARGETS) $(filter-out $(LONG_TESTS),$(MPI_TESTS:=.test)) tests/tools/plan.test \
	tests/tools/replay.test

# Run once by scripts/check; check --long runs them with sanitizers and MPICH, too. What the tests of migrate and out_of_step reach,
# recipes and faults reach under the sanitizers as well.
LONG_TESTS = tests/mpi/memory/killed.test tests/mpi/migrate/chains.test tests/mpi/migrate/modes.test \
	tests/mpi/migrate/permutations.test tests/mpi/migrate/written.test tests/mpi/session/mpi_errors.test \
	tests/mpi/session/out_of_step.test

# What reads files of the distribution or builds against what is installed. scripts/check runs this, with MPICH.
DIST_TESTS = tests/core/plan/golden \
	tests/tools/generate.test tests/tools/hello.test tests/tools/help.test tests/tools/plan.test

# All programs of tests: what a change of a header may have broken.
programs: $(EXTRA_PROGRAMS)

# For scripts/test and tests/house/distributed.test.
print-tests:
	@printf '%s\n' $(TESTS)
print-distributed:
	@printf '%s\n' $(DISTFILES)
.PHONY: print-distributed print-tests programs
