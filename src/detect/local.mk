noinst_LTLIBRARIES += src/detect/libdetect.la

src_detect_libdetect_la_SOURCES = \
	src/detect/accelerator_names.c \
	src/detect/accelerator_rules.c \
	src/detect/accelerators.c \
	src/detect/accelerators.h \
	src/detect/binding.c \
	src/detect/domains.c \
	src/detect/domains.h \
	src/detect/host.c \
	src/detect/links.c \
	src/detect/racks.c \
	src/detect/racks.h \
	src/detect/rank_device.c \
	src/detect/rank_domain.c \
	src/detect/trial.c \
	src/detect/trial.h \
	src/detect/xml.c \
	src/detect/xml.h
src_detect_libdetect_la_CPPFLAGS = $(AM_CPPFLAGS) $(HWLOC_CFLAGS) $(MPI_CFLAGS)
src_detect_libdetect_la_LIBADD = $(HWLOC_LIBS)
