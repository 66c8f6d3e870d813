# The package for Python; skipped without Python's cffi and numpy.
PYTHON_TESTS = tests/python/core.test
TESTS += $(PYTHON_TESTS)
EXTRA_DIST += $(PYTHON_TESTS) tests/python/package.sh
