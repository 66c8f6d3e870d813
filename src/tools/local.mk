# The command: main, one folder for each command, and what they share in common; tests link the libraries of these, too. What libeplb
# and libeplb-mpi do not export comes from the folders' own archives, of which the linker takes only what is missing.
bin_PROGRAMS += eplb
eplb_SOURCES = src/tools/main.c
eplb_CPPFLAGS = $(SOURCE_CPPFLAGS)
eplb_LDADD = src/tools/libcommands.la src/tools/common/libcommon.la src/libeplb-mpi.la src/libeplb.la \
	src/mpi/libruntime.la src/core/formats/libformats.la src/core/libcore.la \
	$(JANSSON_LIBS) $(MPI_LIBS) -lm

noinst_LTLIBRARIES += src/tools/libcommands.la src/tools/common/libcommon.la
src_tools_libcommands_la_SOURCES = \
	src/tools/bench/bench.c \
	src/tools/bench/bench.h \
	src/tools/bench/bench_dispatch.c \
	src/tools/bench/bench_dispatch.h \
	src/tools/bench/bench_dispatch_measure.c \
	src/tools/bench/bench_dispatch_print.c \
	src/tools/bench/bench_migrate.c \
	src/tools/bench/bench_migrate.h \
	src/tools/bench/bench_migrate_count.c \
	src/tools/bench/bench_migrate_options.c \
	src/tools/bench/bench_migrate_print.c \
	src/tools/bench/bench_peer.c \
	src/tools/bench/bench_peer.h \
	src/tools/bench/bench_plan.c \
	src/tools/bench/bench_session.c \
	src/tools/bench/bench_session.h \
	src/tools/bench/bench_session_simulate.c \
	src/tools/generate/generate.c \
	src/tools/plan/plan.c \
	src/tools/plan/plan.h \
	src/tools/plan/plan_score.c \
	src/tools/plan/plan_print.c \
	src/tools/replay/replay.c \
	src/tools/replay/replay.h \
	src/tools/replay/replay_policy.c \
	src/tools/replay/replay_print.c \
	src/tools/run/run.c \
	src/tools/run/run.h \
	src/tools/run/run_options.c \
	src/tools/run/run_print.c \
	src/tools/topo/topo.c \
	src/tools/topo/topo.h \
	src/tools/topo/topo_host.c \
	src/tools/topo/topo_host.h \
	src/tools/topo/topo_json.c \
	src/tools/topo/topo_measure.c \
	src/tools/topo/topo_print.c \
	src/tools/topo/topo_unusual.c
src_tools_libcommands_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(JANSSON_CFLAGS) $(MPI_CFLAGS)

src_tools_common_libcommon_la_SOURCES = \
	src/tools/common/commands.h \
	src/tools/common/current_placement.c \
	src/tools/common/current_placement.h \
	src/tools/common/human.c \
	src/tools/common/human.h \
	src/tools/common/job.c \
	src/tools/common/job.h \
	src/tools/common/job_options.c \
	src/tools/common/menu.c \
	src/tools/common/menu.h \
	src/tools/common/mpi.c \
	src/tools/common/option_rows.c \
	src/tools/common/option_rows.h \
	src/tools/common/planner_options.c \
	src/tools/common/planner_options.h \
	src/tools/common/recording_options.c \
	src/tools/common/recording_options.h \
	src/tools/common/report.c \
	src/tools/common/usage.c \
	src/tools/common/weights.c \
	src/tools/common/weights.h
src_tools_common_libcommon_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(JANSSON_CFLAGS) $(MPI_CFLAGS)

# Man pages are what --help says, of `eplb plan` in eplb-plan.1; help2man names a page after the program that it runs. They are in the
# distribution and are made of the sources, not of the program, so that only who changes these needs help2man.
COMMAND_PAGES = \
	src/tools/eplb-run.1 \
	src/tools/eplb-topo.1 \
	src/tools/eplb-plan.1 \
	src/tools/eplb-replay.1 \
	src/tools/eplb-generate.1 \
	src/tools/eplb-bench.1 \
	src/tools/eplb-bench-plan.1 \
	src/tools/eplb-bench-migrate.1 \
	src/tools/eplb-bench-dispatch.1 \
	src/tools/eplb-bench-session.1
MAN_PAGES = src/tools/eplb.1 $(COMMAND_PAGES)
PAGES_MADE_OF = $(eplb_SOURCES) $(src_tools_libcommands_la_SOURCES) $(src_tools_common_libcommon_la_SOURCES) src/tools/local.mk
if HAVE_MAN_PAGES
man_MANS += $(MAN_PAGES)
endif
EXTRA_DIST += $(MAN_PAGES)
MAINTAINERCLEANFILES = $(MAN_PAGES)

if HAVE_HELP2MAN
HELP2MAN_FLAGS = --no-info --no-discard-stderr --version-string='$(PACKAGE_VERSION)' --source='$(PACKAGE_NAME)'

src/tools/eplb.1: $(PAGES_MADE_OF) | eplb$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) src/tools && $(HELP2MAN) $(HELP2MAN_FLAGS) \
	  --name='balance the experts of Mixture-of-Experts models' -o $@ ./eplb$(EXEEXT)

$(COMMAND_PAGES): $(PAGES_MADE_OF) | eplb$(EXEEXT)
	$(AM_V_GEN)program=$$(echo $@ | sed 's/\.1$$//') && set -- $$(basename $$program | tr - ' ') && \
	  command="$$*" && for word; do :; done && \
	  what=$$(./$${command%" $$word"} --help | sed -n "s/^  $$word  *//p") && \
	  printf '#!/bin/sh\nexec ./%s "$$@"\n' "$$command" >$$program && chmod +x $$program && \
	  $(HELP2MAN) $(HELP2MAN_FLAGS) --name="$$what" -o $@ $$program && rm -f $$program
endif
