noinst_LTLIBRARIES += src/runtime/libruntime.la

src_runtime_libruntime_la_SOURCES = \
	src/runtime/agree.c \
	src/runtime/agree.h
src_runtime_libruntime_la_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS) $(MPI_CFLAGS)
src_runtime_libruntime_la_LIBADD = $(XXHASH_LIBS) $(MPI_LIBS)
