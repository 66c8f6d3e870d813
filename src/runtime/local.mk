noinst_LTLIBRARIES += src/runtime/libruntime.la

src_runtime_libruntime_la_SOURCES = \
	src/runtime/agree.c \
	src/runtime/agree.h \
	src/runtime/batch.c \
	src/runtime/box.c \
	src/runtime/box.h \
	src/runtime/compare.c \
	src/runtime/compare.h \
	src/runtime/decide.c \
	src/runtime/decide.h \
	src/runtime/experts.c \
	src/runtime/experts.h \
	src/runtime/fetch.c \
	src/runtime/fetch.h \
	src/runtime/lanes.c \
	src/runtime/lanes.h \
	src/runtime/launcher.c \
	src/runtime/launcher.h \
	src/runtime/letters.c \
	src/runtime/letters.h \
	src/runtime/gather.c \
	src/runtime/gather.h \
	src/runtime/gpu.c \
	src/runtime/gpu_aware.c \
	src/runtime/gpu_aware.h \
	src/runtime/gpu_calls.c \
	src/runtime/gpu_calls.h \
	src/runtime/host_bytes.c \
	src/runtime/host_bytes.h \
	src/runtime/identity.c \
	src/runtime/identity.h \
	src/runtime/machine.c \
	src/runtime/memory.c \
	src/runtime/mover.c \
	src/runtime/mover.h \
	src/runtime/moves.c \
	src/runtime/moves.h \
	src/runtime/node.c \
	src/runtime/node.h \
	src/runtime/options.c \
	src/runtime/options.h \
	src/runtime/own_moves.c \
	src/runtime/own_moves.h \
	src/runtime/place.c \
	src/runtime/place.h \
	src/runtime/rebalance.c \
	src/runtime/reports.c \
	src/runtime/reports.h \
	src/runtime/regions.c \
	src/runtime/regions.h \
	src/runtime/session.c \
	src/runtime/session.h \
	src/runtime/shared.c \
	src/runtime/shared.h \
	src/runtime/tensors.c \
	src/runtime/tensors.h
src_runtime_libruntime_la_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS) $(MPI_CFLAGS)
src_runtime_libruntime_la_LIBADD = $(XXHASH_LIBS) $(MPI_LIBS) $(DL_LIBS)
