# Pure functions, no launcher. They link the folders, not the libraries, so that they also reach what is not exported.
if HAVE_CUNIT
UNIT_TESTS = tests/unit/status
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/support $(CUNIT_CFLAGS)
UNIT_LIBS = tests/support/libtap.la src/core/libcore.la

tests_unit_status_SOURCES = tests/unit/status.c
tests_unit_status_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_status_LDADD = $(UNIT_LIBS)
