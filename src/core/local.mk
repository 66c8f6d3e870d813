noinst_LTLIBRARIES += src/core/libcore.la src/core/util/libutil.la

# What both libraries have a copy of: it is not exported.
src_core_util_libutil_la_SOURCES = \
	src/core/transfer/staging.c \
	src/core/transfer/staging.h \
	src/core/util/option_table.c \
	src/core/util/option_table.h

src_core_libcore_la_SOURCES = \
	src/core/plan/window/priced_search.c \
	src/core/plan/window/priced_search.h \
	src/core/plan/history/history_planner.c \
	src/core/plan/history/history_planner.h \
	src/core/plan/common/assignment.c \
	src/core/plan/common/count_noise.c \
	src/core/plan/common/count_noise.h \
	src/core/plan/common/assignment.h \
	src/core/model/balance.c \
	src/core/model/remap.c \
	src/core/plan/window/lpt.c \
	src/core/plan/window/lpt.h \
	src/core/transfer/multicast.c \
	src/core/transfer/multicast.h \
	src/core/dispatch/dispatch.c \
	src/core/dispatch/dispatch.h \
	src/core/model/synthetic_mixture.c \
	src/core/model/synthetic_mixture.h \
	src/core/plan/window/largest_differencing.c \
	src/core/plan/window/largest_differencing.h \
	src/core/model/forecast.c \
	src/core/model/forecast.h \
	src/core/plan/window/from_scratch.c \
	src/core/plan/window/from_scratch.h \
	src/core/model/synthetic.c \
	src/core/plan/common/expert_groups.c \
	src/core/plan/common/expert_groups.h \
	src/core/model/history.c \
	src/core/model/align_slots.c \
	src/core/util/simd.h \
	src/core/plan/window/window_state.c \
	src/core/plan/window/window_state.h \
	src/core/plan/history/similarity.c \
	src/core/plan/history/similarity.h \
	src/core/plan/history/chain.c \
	src/core/plan/history/chain.h \
	src/core/plan/history/chain_flow.c \
	src/core/plan/history/chain_rewire.c \
	src/core/model/loads.c \
	src/core/util/alloc.h \
	src/core/util/escape.c \
	src/core/util/escape.h \
	src/core/util/heap.h \
	src/core/plan/deepseek/balanced_packing.c \
	src/core/plan/deepseek/balanced_packing.h \
	src/core/plan/window/two_slots.c \
	src/core/plan/window/two_slots.h \
	src/core/plan/window/subproblem.c \
	src/core/plan/window/subproblem.h \
	src/core/transfer/payback.c \
	src/core/model/placement.c \
	src/core/model/placement.h \
	src/core/plan/planner.c \
	src/core/plan/planner_table.h \
	src/core/plan/common/single_load.c \
	src/core/plan/common/single_load.h \
	src/core/plan/options.c \
	src/core/plan/options.h \
	src/core/plan/deepseek/deepseek_planner.c \
	src/core/plan/deepseek/deepseek_planner.h \
	src/core/plan/window/window_planner.c \
	src/core/plan/window/window_planner.h \
	src/core/model/topology.h \
	src/core/transfer/payback.h \
	src/core/transfer/trigger.h \
	src/core/dispatch/quotas.c \
	src/core/util/random.h \
	src/core/plan/deepseek/rebalance.c \
	src/core/plan/deepseek/rebalance.h \
	src/core/plan/window/local_search.c \
	src/core/plan/window/local_search.h \
	src/core/plan/common/relabel.c \
	src/core/plan/common/relabel.h \
	src/core/plan/window/match_halves.c \
	src/core/plan/window/match_halves.h \
	src/core/plan/common/remote_nodes.c \
	src/core/plan/common/remote_nodes.h \
	src/core/plan/window/incremental.c \
	src/core/plan/window/incremental.h \
	src/core/plan/history/history_state.c \
	src/core/plan/history/history_state.h \
	src/core/plan/history/construct.c \
	src/core/plan/history/gain_noise.c \
	src/core/plan/history/replace.c \
	src/core/plan/history/swap.c \
	src/core/plan/window/iterated_search.c \
	src/core/plan/window/iterated_search.h \
	src/core/dispatch/flow.c \
	src/core/dispatch/flow.h \
	src/core/util/similar_name.h \
	src/core/util/status.c \
	src/core/util/version.c \
	src/core/model/topology.c \
	src/core/transfer/transfer.c \
	src/core/transfer/trigger.c
src_core_libcore_la_CPPFLAGS = $(SOURCE_CPPFLAGS)
src_core_libcore_la_LIBADD = src/core/util/libutil.la -lm
