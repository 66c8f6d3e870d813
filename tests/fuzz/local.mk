# Fuzz targets. make check replays what earlier runs have found worth keeping; make fuzz, with clang, looks for more.
FUZZ_TARGETS = tests/fuzz/csv tests/fuzz/json tests/fuzz/npy tests/fuzz/placement tests/fuzz/planner tests/fuzz/safetensors tests/fuzz/xml
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/corpus

tests_fuzz_planner_SOURCES = tests/fuzz/fuzz.h tests/fuzz/planner.c tests/fuzz/replay.c
tests_fuzz_planner_LDADD = src/core/libcore.la

tests_fuzz_xml_SOURCES = tests/fuzz/fuzz.h tests/fuzz/replay.c tests/fuzz/xml.c
tests_fuzz_xml_LDADD = src/mpi/detect/libdetect.la src/core/libcore.la

# Loads in files.
FUZZ_LOADS_LIBS = src/core/formats/libformats.la $(JANSSON_LIBS) $(LIBCSV_LIBS) $(YAML_LIBS) src/core/libcore.la

tests_fuzz_csv_SOURCES = tests/fuzz/csv.c tests/fuzz/fuzz.h tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_csv_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_json_SOURCES = tests/fuzz/fuzz.h tests/fuzz/json.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_json_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_npy_SOURCES = tests/fuzz/fuzz.h tests/fuzz/npy.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_npy_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_placement_SOURCES = tests/fuzz/fuzz.h tests/fuzz/loads.h tests/fuzz/placement.c tests/fuzz/replay.c
tests_fuzz_placement_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_safetensors_SOURCES = tests/fuzz/fuzz.h tests/fuzz/safetensors.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_safetensors_LDADD = $(FUZZ_LOADS_LIBS)

# make -j2 fuzz FUZZ_SECONDS=600: that long for each target, with sanitizers. New inputs go to tests/fuzz/found of the build folder.
FUZZ_CC = clang
FUZZ_SECONDS = 20
FUZZ_FLAGS = $(SOURCE_CPPFLAGS) -I$(top_srcdir)/tests/support $(HWLOC_CFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) \
	$(MPI_CFLAGS) -std=c11 -g -O1 -ffp-contract=off -fno-sanitize-recover=undefined
FUZZ_RUNS = $(FUZZ_TARGETS:=-run)
CLEANFILES += $(FUZZ_TARGETS:=-fuzzer) tests/fuzz/libfuzzed.a
.PHONY: fuzz libfuzzed $(FUZZ_RUNS)
fuzz: $(FUZZ_RUNS)

libfuzzed:
	$(AM_V_GEN)rm -rf tests/fuzz/fuzzed && $(MKDIR_P) tests/fuzz/fuzzed && source=$$(cd $(top_srcdir) && pwd) && cd tests/fuzz/fuzzed && \
	  find $$source/src/core $$source/src/mpi/detect -name '*.c' | xargs -n 8 -P $$(nproc) \
	    $(FUZZ_CC) -I$$source/include -I$$source/src $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c && \
	  rm -f ../libfuzzed.a && $(AR) rc ../libfuzzed.a *.o

$(FUZZ_RUNS): libfuzzed
	$(AM_V_GEN)name=$$(basename $@ -run) && $(MKDIR_P) tests/fuzz/found/$$name && \
	  $(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o tests/fuzz/$$name-fuzzer \
	    $(top_srcdir)/tests/fuzz/$$name.c tests/fuzz/libfuzzed.a $(HWLOC_LIBS) $(JANSSON_LIBS) $(LIBCSV_LIBS) $(YAML_LIBS) -lm && \
	  more= && if [ $$name = xml ]; then more=$(top_srcdir)/tests/data/machines; fi && \
	  tests/fuzz/$$name-fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=tests/fuzz/found/ \
	    tests/fuzz/found/$$name $(top_srcdir)/tests/fuzz/corpus/$$name $$more
