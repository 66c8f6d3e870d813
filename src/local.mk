# Two libraries out of four folders. Tests link the folders themselves, so that they also reach what is not exported.
pkgconfig_DATA = src/eplb.pc src/eplb-mpi.pc
cmakedir = $(libdir)/cmake/mpi-eplb
cmake_DATA = src/mpi-eplb-config.cmake src/mpi-eplb-config-version.cmake

lib_LTLIBRARIES += src/libeplb.la src/libeplb-mpi.la

src_libeplb_la_SOURCES =
src_libeplb_la_LIBADD = src/core/formats/libformats.la src/core/libcore.la
src_libeplb_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(EPLB_ABI)

src_libeplb_mpi_la_SOURCES =
src_libeplb_mpi_la_LIBADD = src/mpi/libruntime.la src/mpi/detect/libdetect.la src/libeplb.la
src_libeplb_mpi_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(EPLB_ABI)
