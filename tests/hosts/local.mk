# Several hosts on this machine; skipped where they cannot be made.
HOST_TESTS = tests/hosts/migrate.test tests/hosts/nodes.test
TESTS += $(HOST_TESTS)
EXTRA_DIST += $(HOST_TESTS) tests/hosts/hosts.sh tests/hosts/on-hosts
