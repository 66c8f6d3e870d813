# The runtime at many ranks in simulated time; skipped where there is no SimGrid.
TESTS += tests/smpi/migrate.test
EXTRA_DIST += tests/smpi/migrate.c tests/smpi/migrate.test tests/smpi/platform.sh
