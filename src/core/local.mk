noinst_LTLIBRARIES += src/core/libcore.la

src_core_libcore_la_SOURCES = \
	src/core/memory.h \
	src/core/status.c
src_core_libcore_la_LIBADD = -lm
