# Several hosts on this machine, also under a real Slurm; skipped where they cannot be made.
HOST_TESTS = tests/hosts/migrate.test tests/hosts/nodes.test tests/slurm/job.test
HOST_LOGS = $(HOST_TESTS:.test=.log)
TESTS += $(HOST_TESTS)
EXTRA_DIST += $(HOST_TESTS) tests/hosts/hosts.sh tests/hosts/on-hosts tests/slurm/cluster.sh
tests/hosts/nodes.log: tests/support/libfakenvml.la
$(HOST_LOGS): tests/tools/installed.log
