noinst_LTLIBRARIES += src/detect/libdetect.la

src_detect_libdetect_la_SOURCES =
src_detect_libdetect_la_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS) $(MPI_CFLAGS)
src_detect_libdetect_la_LIBADD = $(HWLOC_LIBS)
