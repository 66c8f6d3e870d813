noinst_LTLIBRARIES += src/detect/libdetect.la

src_detect_libdetect_la_SOURCES = \
	src/detect/accelerators.c \
	src/detect/accelerators.h \
	src/detect/host.c \
	src/detect/rank_device.c
src_detect_libdetect_la_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS) $(MPI_CFLAGS)
src_detect_libdetect_la_LIBADD = $(HWLOC_LIBS)
