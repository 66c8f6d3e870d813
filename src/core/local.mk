noinst_LTLIBRARIES += src/core/libcore.la

src_core_libcore_la_SOURCES = \
	src/core/balance.c \
	src/core/generate.c \
	src/core/keep_slots.c \
	src/core/loads.c \
	src/core/memory.h \
	src/core/order_key.h \
	src/core/pack.c \
	src/core/pack.h \
	src/core/placement.c \
	src/core/placement.h \
	src/core/planner.c \
	src/core/random.h \
	src/core/reference.c \
	src/core/reference.h \
	src/core/status.c \
	src/core/topology.c \
	src/core/transfer.c
src_core_libcore_la_LIBADD = -lm
