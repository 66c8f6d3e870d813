# Programs to start from; tests/tools/hello.test and moe.test build them against the installed libraries.
dist_doc_DATA = examples/hello.c examples/overlap.c examples/restart.c

# The larger one: make examples/moe/moe.
EXTRA_PROGRAMS += examples/moe/moe
examples_moe_moe_SOURCES = \
	examples/moe/balance.c \
	examples/moe/balance.h \
	examples/moe/experts.c \
	examples/moe/experts.h \
	examples/moe/main.c \
	examples/moe/matrix.c \
	examples/moe/matrix.h \
	examples/moe/model.c \
	examples/moe/model.h \
	examples/moe/optimizer.c \
	examples/moe/optimizer.h \
	examples/moe/options.c \
	examples/moe/options.h \
	examples/moe/text.c \
	examples/moe/text.h \
	examples/moe/train.c \
	examples/moe/train.h
examples_moe_moe_CPPFLAGS = -I$(top_srcdir)/include $(MPI_CFLAGS)
examples_moe_moe_CFLAGS = $(AM_CFLAGS) -O3
examples_moe_moe_LDADD = src/libeplb-mpi.la src/libeplb.la $(MPI_LIBS) -lm
