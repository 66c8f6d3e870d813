# The package for Python; skipped without Python's cffi and numpy.
PYTHON_TESTS = tests/python/core.test tests/python/mpi.test tests/python/torch.test
PYTHON_LOGS = $(PYTHON_TESTS:.test=.log)
TESTS += $(PYTHON_TESTS)
EXTRA_DIST += $(PYTHON_TESTS) tests/python/environment tests/python/python.sh

# Installed once for all of them.
$(PYTHON_LOGS): tests/python/environment.log
tests/python/environment.log: src/libeplb.la $(PYTHON_PACKAGES) tests/python/environment
	$(AM_V_GEN)$(MKDIR_P) tests/python && rm -f $@ && \
	  { srcdir='$(srcdir)' $(SHELL) '$(srcdir)/tests/python/environment' tests/python/installed >$@.new 2>&1 || \
	    { cat $@.new; exit 1; }; } && mv -f $@.new $@
CLEANFILES += tests/python/environment.log tests/python/environment.log.new tests/python/mpi-install.log
clean-local: clean-python
clean-python:
	rm -rf tests/python/installed
.PHONY: clean-python

# It builds against what is installed.
tests/python/mpi.log: tests/tools/installed.log
