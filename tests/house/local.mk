# Rules of this house that a script can check.
HOUSE_TESTS = tests/house/architecture.test tests/house/distributed.test tests/house/functions.test \
	tests/house/includes.test tests/house/openings.test
TESTS += $(HOUSE_TESTS)
EXTRA_DIST += $(HOUSE_TESTS)
