# Tests without a launcher. Each is one program, made of the file of its name and of the defaults in tests/local.mk: a new test is one
# line of this list. They link the folders, not the libraries, so that they also reach what is not exported.
if HAVE_CUNIT
UNIT_TESTS = \
	tests/core/dispatch/dispatch \
	tests/core/dispatch/routing \
	tests/core/formats/loads_csv \
	tests/core/formats/loads_csv_write \
	tests/core/formats/loads_forms \
	tests/core/formats/loads_json \
	tests/core/formats/loads_memory \
	tests/core/formats/loads_npy \
	tests/core/formats/loads_statistics \
	tests/core/formats/placement_json \
	tests/core/formats/placement_read \
	tests/core/formats/topology_files \
	tests/core/model/align_slots \
	tests/core/model/balance \
	tests/core/model/forecast \
	tests/core/model/loads \
	tests/core/model/placement \
	tests/core/model/remap \
	tests/core/model/synthetic_mixture \
	tests/core/model/topology \
	tests/core/older_programs \
	tests/core/out_of_memory \
	tests/core/plan/auto_planner \
	tests/core/plan/count_noise \
	tests/core/plan/default_planner \
	tests/core/plan/golden \
	tests/core/plan/history_planner \
	tests/core/plan/incremental \
	tests/core/plan/match_halves \
	tests/core/plan/options \
	tests/core/plan/planner \
	tests/core/plan/planner_refusals \
	tests/core/plan/scales \
	tests/core/plan/similarity \
	tests/core/transfer/changed_slots \
	tests/core/transfer/suppliers \
	tests/core/transfer/suppliers_recorded \
	tests/core/transfer/staging \
	tests/core/transfer/transfer \
	tests/core/transfer/trigger \
	tests/core/util/element_sum \
	tests/core/util/similar_name \
	tests/core/util/status \
	tests/core/util/version \
	tests/mpi/detect/accelerators \
	tests/mpi/detect/accelerators_recorded \
	tests/mpi/detect/kfd \
	tests/mpi/detect/nvml \
	tests/mpi/detect/rank_device \
	tests/mpi/machine/levels \
	tests/tools/topo_print
endif
EXTRA_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
EXTRA_DIST += tests/data/frameworks tests/data/golden tests/data/kfd tests/data/machines tests/data/topologies

# Allocations of the test and of the library go through the test, so that it can make them fail and count them.
tests_core_formats_loads_memory_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)
tests_core_out_of_memory_LDFLAGS = $(AM_LDFLAGS) $(FAILING_MEMORY)

# Detection and the topology that is made of it know MPI's types, but start none.
DETECT_TEST_LIBS = $(UNIT_LIBS) src/mpi/libruntime.la src/mpi/detect/libdetect.la src/core/libcore.la
tests_mpi_detect_accelerators_LDADD = $(DETECT_TEST_LIBS)
tests_mpi_detect_accelerators_recorded_LDADD = $(DETECT_TEST_LIBS)
tests_mpi_detect_kfd_LDADD = $(DETECT_TEST_LIBS)
tests_mpi_detect_nvml_LDADD = tests/support/libfakenvml.la $(DETECT_TEST_LIBS)
tests_mpi_detect_rank_device_LDADD = $(DETECT_TEST_LIBS)
tests_mpi_machine_levels_LDADD = $(DETECT_TEST_LIBS)
tests_tools_topo_print_LDADD = src/tools/libcommands.la src/tools/common/libcommon.la $(DETECT_TEST_LIBS)
