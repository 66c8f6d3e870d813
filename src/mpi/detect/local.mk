noinst_LTLIBRARIES += src/mpi/detect/libdetect.la

src_mpi_detect_libdetect_la_SOURCES = \
	src/mpi/detect/accelerator_names.c \
	src/mpi/detect/accelerator_rules.c \
	src/mpi/detect/accelerators.c \
	src/mpi/detect/accelerators.h \
	src/mpi/detect/affinity_mask.c \
	src/mpi/detect/affinity_mask.h \
	src/mpi/detect/binding.c \
	src/mpi/detect/device_names.c \
	src/mpi/detect/device_names.h \
	src/mpi/detect/enclosing_domains.c \
	src/mpi/detect/enclosing_domains.h \
	src/mpi/detect/host.c \
	src/mpi/detect/host.h \
	src/mpi/detect/islands.c \
	src/mpi/detect/islands.h \
	src/mpi/detect/kfd.c \
	src/mpi/detect/kfd.h \
	src/mpi/detect/links.c \
	src/mpi/detect/nvml.c \
	src/mpi/detect/nvml.h \
	src/mpi/detect/partitions.c \
	src/mpi/detect/racks.c \
	src/mpi/detect/racks.h \
	src/mpi/detect/rank.h \
	src/mpi/detect/rank_device.c \
	src/mpi/detect/rank_device.h \
	src/mpi/detect/rank_domain.c \
	src/mpi/detect/trial.c \
	src/mpi/detect/trial.h \
	src/mpi/detect/visible_lists.c \
	src/mpi/detect/visible_lists.h \
	src/mpi/detect/xml.c \
	src/mpi/detect/xml.h
src_mpi_detect_libdetect_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(HWLOC_CFLAGS) $(MPI_CFLAGS)
src_mpi_detect_libdetect_la_LIBADD = $(HWLOC_LIBS) $(DL_LIBS)
