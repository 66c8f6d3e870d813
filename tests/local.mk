# Every test prints TAP, so that make check counts cases, not programs.
TEST_EXTENSIONS = .test
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TEST_LOG_DRIVER)

check_LTLIBRARIES += tests/support/libtap.la
tests_support_libtap_la_SOURCES = tests/support/tap.c tests/support/tap.h
tests_support_libtap_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUNIT_CFLAGS)
tests_support_libtap_la_LIBADD = $(CUNIT_LIBS)

include tests/unit/local.mk
include tests/mpi/local.mk
include tests/tools/local.mk
