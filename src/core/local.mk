noinst_LTLIBRARIES += src/core/libcore.la

src_core_libcore_la_SOURCES = \
	src/core/adjust.c \
	src/core/adjust.h \
	src/core/assign.c \
	src/core/assign.h \
	src/core/balance.c \
	src/core/carry.c \
	src/core/deal.c \
	src/core/deal.h \
	src/core/feed.c \
	src/core/feed.h \
	src/core/fold.c \
	src/core/fold.h \
	src/core/fresh.c \
	src/core/fresh.h \
	src/core/generate.c \
	src/core/groups.c \
	src/core/groups.h \
	src/core/keep_slots.c \
	src/core/lanes.h \
	src/core/layer.c \
	src/core/layer.h \
	src/core/loads.c \
	src/core/memory.h \
	src/core/order_key.h \
	src/core/pack.c \
	src/core/pack.h \
	src/core/pairs.c \
	src/core/pairs.h \
	src/core/part.c \
	src/core/part.h \
	src/core/payback.c \
	src/core/placement.c \
	src/core/placement.h \
	src/core/planner.c \
	src/core/random.h \
	src/core/reference.c \
	src/core/reference.h \
	src/core/refine.c \
	src/core/refine.h \
	src/core/relabel.c \
	src/core/relabel.h \
	src/core/rematch.c \
	src/core/rematch.h \
	src/core/remote.c \
	src/core/replan.c \
	src/core/replan.h \
	src/core/search.c \
	src/core/search.h \
	src/core/status.c \
	src/core/steps.c \
	src/core/topology.c \
	src/core/transfer.c
src_core_libcore_la_LIBADD = -lm
