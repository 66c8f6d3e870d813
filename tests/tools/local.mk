# The tool as its users meet it: what it prints, what it refuses, how it ends. Also the libraries as they are installed.
TOOL_TESTS = \
	tests/tools/bench.test \
	tests/tools/cmake.test \
	tests/tools/frameworks.test \
	tests/tools/generate.test \
	tests/tools/hello.test \
	tests/tools/help.test \
	tests/tools/lines.test \
	tests/tools/loads_forms.test \
	tests/tools/moe.test \
	tests/tools/plan.test \
	tests/tools/plan_refusals.test \
	tests/tools/replay.test \
	tests/tools/run.test \
	tests/tools/run_failures.test \
	tests/tools/same_plan.test \
	tests/tools/topo.test
TOOL_LOGS = $(TOOL_TESTS:.test=.log)
TESTS += $(TOOL_TESTS)
EXTRA_DIST += $(TOOL_TESTS) tests/tools/installed.sh tests/tools/run.sh tests/tools/expected tests/tools/loads

# hello.test needs an installed tree. It is made before any test of the tool runs: libtool takes a library of the build folder away for
# a moment when it installs it, and the tool of other tests with it.
$(TOOL_LOGS): tests/tools/installed.log
tests/tools/installed.log: $(lib_LTLIBRARIES) eplb$(EXEEXT) $(pkginclude_HEADERS) $(pkgconfig_DATA) $(cmake_DATA)
	$(AM_V_GEN)rm -rf tests/tools/installed $@ && $(MKDIR_P) tests/tools && \
	  $(MAKE) $(AM_MAKEFLAGS) DESTDIR='$(abs_builddir)/tests/tools/installed' install >$@.new 2>&1 || { cat $@.new; exit 1; } && \
	  mv -f $@.new $@
CLEANFILES += tests/tools/installed.log tests/tools/installed.log.new
clean-local:
	rm -rf tests/tools/installed

AM_TESTS_ENVIRONMENT += \
	CC='$(CC)'; export CC; \
	CXX='$(CXX)'; export CXX; \
	NM='$(NM)'; export NM; \
	MPI_CFLAGS='$(MPI_CFLAGS)'; export MPI_CFLAGS; \
	MPI_LIBS='$(MPI_LIBS)'; export MPI_LIBS; \
	SANITIZER_CFLAGS='$(SANITIZER_CFLAGS)'; export SANITIZER_CFLAGS; \
	HARDENING_LDFLAGS='$(HARDENING_LDFLAGS)'; export HARDENING_LDFLAGS; \
	LIBRARY_FOLDER='$(libdir)'; export LIBRARY_FOLDER; \
	PKG_CONFIG_FOLDER='$(pkgconfigdir)'; export PKG_CONFIG_FOLDER;

# After make install: make distcheck comes here.
installcheck-local:
	$(AM_TESTS_ENVIRONMENT) MPICC='$(MPICC)'; export MPICC; srcdir='$(srcdir)'; export srcdir; \
	  $(SHELL) '$(srcdir)/tests/tools/installed.sh'
