# Pure functions, no launcher. They link the folders, not the libraries, so that they also reach what is not exported.
if HAVE_CUNIT
UNIT_TESTS = tests/unit/status \
	tests/unit/ahead \
	tests/unit/balance \
	tests/unit/carry \
	tests/unit/default_planner \
	tests/unit/dispatch \
	tests/unit/domains \
	tests/unit/forecast \
	tests/unit/golden \
	tests/unit/keep_slots \
	tests/unit/levels \
	tests/unit/likeness \
	tests/unit/loads \
	tests/unit/loads_csv \
	tests/unit/loads_csv_write \
	tests/unit/loads_forms \
	tests/unit/loads_json \
	tests/unit/loads_memory \
	tests/unit/loads_npy \
	tests/unit/loads_statistics \
	tests/unit/machines \
	tests/unit/machines_recorded \
	tests/unit/out_of_memory \
	tests/unit/placement \
	tests/unit/placement_json \
	tests/unit/planner \
	tests/unit/planner_refusals \
	tests/unit/rank_device \
	tests/unit/rematch \
	tests/unit/replan \
	tests/unit/senders \
	tests/unit/senders_recorded \
	tests/unit/steps \
	tests/unit/topo_print \
	tests/unit/topology \
	tests/unit/topology_files \
	tests/unit/transfer \
	tests/unit/trigger
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/support $(CUNIT_CFLAGS)
UNIT_LIBS = tests/support/libtap.la src/core/libcore.la

tests_unit_status_SOURCES = tests/unit/status.c
tests_unit_status_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_status_LDADD = $(UNIT_LIBS)

# The core, with made-up shapes.
CORE_LIBS = tests/support/libshapes.la $(UNIT_LIBS)

tests_unit_balance_SOURCES = tests/unit/balance.c
tests_unit_balance_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_balance_LDADD = $(CORE_LIBS)

tests_unit_carry_SOURCES = tests/unit/carry.c
tests_unit_carry_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_carry_LDADD = $(CORE_LIBS)

tests_unit_default_planner_SOURCES = tests/unit/default_planner.c
tests_unit_default_planner_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_default_planner_LDADD = $(CORE_LIBS)

tests_unit_likeness_SOURCES = tests/unit/likeness.c
tests_unit_likeness_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_likeness_LDADD = $(CORE_LIBS)

tests_unit_rematch_SOURCES = tests/unit/rematch.c
tests_unit_rematch_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_rematch_LDADD = $(CORE_LIBS)

tests_unit_replan_SOURCES = tests/unit/replan.c
tests_unit_replan_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_replan_LDADD = $(CORE_LIBS)

tests_unit_golden_SOURCES = tests/unit/golden.c
tests_unit_golden_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_golden_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/data/golden

tests_unit_keep_slots_SOURCES = tests/unit/keep_slots.c
tests_unit_keep_slots_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_keep_slots_LDADD = $(CORE_LIBS)

tests_unit_loads_SOURCES = tests/unit/loads.c
tests_unit_loads_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_LDADD = $(CORE_LIBS)

# Files, in a temporary folder.
FOLDER_SOURCES = tests/support/folder.c tests/support/folder.h
FORMATS_LIBS = tests/support/libshapes.la tests/support/libtap.la src/core/formats/libformats.la $(JANSSON_LIBS) \
	$(LIBCSV_LIBS) src/core/libcore.la

LOADS_FILE_SOURCES = tests/support/loads_file.c tests/support/loads_file.h $(FOLDER_SOURCES)

tests_unit_loads_csv_SOURCES = tests/unit/loads_csv.c $(LOADS_FILE_SOURCES)
tests_unit_loads_csv_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_csv_LDADD = $(FORMATS_LIBS)

tests_unit_loads_csv_write_SOURCES = tests/unit/loads_csv_write.c $(LOADS_FILE_SOURCES)
tests_unit_loads_csv_write_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_csv_write_LDADD = $(FORMATS_LIBS)

tests_unit_loads_forms_SOURCES = \
	tests/support/loads_forms.c \
	tests/support/loads_forms.h \
	tests/unit/loads_forms.c \
	$(LOADS_FILE_SOURCES)
tests_unit_loads_forms_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_forms_LDADD = $(FORMATS_LIBS)

tests_unit_loads_json_SOURCES = tests/unit/loads_json.c $(LOADS_FILE_SOURCES)
tests_unit_loads_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_json_LDADD = $(FORMATS_LIBS)

tests_unit_loads_memory_SOURCES = \
	tests/support/failing_memory.c \
	tests/support/failing_memory.h \
	tests/support/loads_forms.c \
	tests/support/loads_forms.h \
	tests/unit/loads_memory.c \
	$(LOADS_FILE_SOURCES)
tests_unit_loads_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_memory_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_unit_loads_memory_LDADD = $(FORMATS_LIBS)

tests_unit_loads_npy_SOURCES = tests/unit/loads_npy.c $(LOADS_FILE_SOURCES)
tests_unit_loads_npy_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_npy_LDADD = $(FORMATS_LIBS)

tests_unit_loads_statistics_SOURCES = tests/unit/loads_statistics.c $(LOADS_FILE_SOURCES)
tests_unit_loads_statistics_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loads_statistics_LDADD = $(FORMATS_LIBS)

tests_unit_placement_json_SOURCES = tests/unit/placement_json.c $(FOLDER_SOURCES)
tests_unit_placement_json_CPPFLAGS = $(UNIT_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_placement_json_LDADD = $(FORMATS_LIBS)

# Allocations of the test and of the library go through the test, so that it can make them fail and count them.
tests_unit_out_of_memory_SOURCES = \
	tests/support/failing_memory.c \
	tests/support/failing_memory.h \
	tests/unit/out_of_memory.c
tests_unit_out_of_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_unit_out_of_memory_LDADD = $(CORE_LIBS)

tests_unit_placement_SOURCES = tests/unit/placement.c
tests_unit_placement_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_placement_LDADD = $(CORE_LIBS)

tests_unit_planner_SOURCES = tests/unit/planner.c
tests_unit_planner_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_planner_LDADD = $(CORE_LIBS)

tests_unit_planner_refusals_SOURCES = tests/unit/planner_refusals.c
tests_unit_planner_refusals_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_planner_refusals_LDADD = $(CORE_LIBS)

tests_unit_senders_SOURCES = tests/unit/senders.c
tests_unit_senders_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_senders_LDADD = $(CORE_LIBS)

tests_unit_senders_recorded_SOURCES = tests/unit/senders_recorded.c
tests_unit_senders_recorded_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_senders_recorded_LDADD = $(FORMATS_LIBS)

tests_unit_steps_SOURCES = tests/unit/steps.c
tests_unit_steps_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_steps_LDADD = $(CORE_LIBS)

tests_unit_topology_SOURCES = tests/unit/topology.c
tests_unit_topology_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_topology_LDADD = $(CORE_LIBS)

tests_unit_transfer_SOURCES = tests/unit/transfer.c
tests_unit_transfer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_transfer_LDADD = $(CORE_LIBS)

tests_unit_forecast_SOURCES = tests/unit/forecast.c
tests_unit_forecast_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_forecast_LDADD = $(CORE_LIBS)

tests_unit_dispatch_SOURCES = tests/unit/dispatch.c
tests_unit_dispatch_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_dispatch_LDADD = $(CORE_LIBS)

tests_unit_ahead_SOURCES = tests/unit/ahead.c
tests_unit_ahead_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_ahead_LDADD = $(CORE_LIBS)

tests_unit_domains_SOURCES = tests/unit/domains.c
tests_unit_domains_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_domains_LDADD = $(CORE_LIBS)
tests_unit_topology_files_SOURCES = tests/unit/topology_files.c $(FOLDER_SOURCES)
tests_unit_topology_files_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_topology_files_LDADD = $(FORMATS_LIBS)

# Detection, which knows MPI's types but starts none.
DETECT_CPPFLAGS = $(UNIT_CPPFLAGS) $(MPI_CFLAGS)
DETECT_LIBS = tests/support/libtap.la src/mpi/detect/libdetect.la src/core/libcore.la
MACHINE_SOURCES = tests/support/machine_table.c tests/support/machine_table.h
EXTRA_DIST += tests/data/machines

tests_unit_levels_SOURCES = \
	src/mpi/machine/host_pack.c \
	src/mpi/machine/host_pack.h \
	src/mpi/machine/node_report.c \
	src/mpi/machine/node_report.h \
	tests/unit/levels.c \
	$(FOLDER_SOURCES)
tests_unit_levels_CPPFLAGS = $(DETECT_CPPFLAGS)
tests_unit_levels_LDADD = $(DETECT_LIBS)

tests_unit_machines_SOURCES = tests/unit/machines.c $(MACHINE_SOURCES)
tests_unit_machines_CPPFLAGS = $(DETECT_CPPFLAGS)
tests_unit_machines_LDADD = $(DETECT_LIBS)

tests_unit_machines_recorded_SOURCES = tests/unit/machines_recorded.c $(MACHINE_SOURCES)
tests_unit_machines_recorded_CPPFLAGS = $(DETECT_CPPFLAGS)
tests_unit_machines_recorded_LDADD = $(DETECT_LIBS)

tests_unit_rank_device_SOURCES = tests/unit/rank_device.c
tests_unit_rank_device_CPPFLAGS = $(DETECT_CPPFLAGS)
tests_unit_rank_device_LDADD = $(DETECT_LIBS)

tests_unit_trigger_SOURCES = tests/unit/trigger.c
tests_unit_trigger_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_trigger_LDADD = $(CORE_LIBS)
tests_unit_topo_print_SOURCES = \
	src/tools/topo/topo.h \
	src/tools/topo/topo_host.c \
	src/tools/topo/topo_host.h \
	src/tools/topo/topo_print.c \
	src/tools/topo/topo_unusual.c \
	tests/unit/topo_print.c \
	$(FOLDER_SOURCES)
tests_unit_topo_print_CPPFLAGS = $(DETECT_CPPFLAGS) $(JANSSON_CFLAGS)
tests_unit_topo_print_LDADD = $(DETECT_LIBS)
