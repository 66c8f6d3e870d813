# Fuzz targets. make check replays what earlier runs have found worth keeping; make fuzz, with clang, looks for more.
FUZZ_TARGETS = tests/fuzz/json tests/fuzz/npy tests/fuzz/planner tests/fuzz/safetensors tests/fuzz/xml
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/corpus

tests_fuzz_planner_SOURCES = tests/fuzz/fuzz.h tests/fuzz/planner.c tests/fuzz/replay.c
tests_fuzz_planner_LDADD = src/core/libcore.la

tests_fuzz_xml_SOURCES = tests/fuzz/fuzz.h tests/fuzz/replay.c tests/fuzz/xml.c
tests_fuzz_xml_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_fuzz_xml_LDADD = src/detect/libdetect.la src/core/libcore.la

# Loads in files.
FUZZ_LOADS_LIBS = src/formats/libformats.la $(JANSSON_LIBS) $(LIBCSV_LIBS) src/core/libcore.la

tests_fuzz_json_SOURCES = tests/fuzz/fuzz.h tests/fuzz/json.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_json_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_json_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_npy_SOURCES = tests/fuzz/fuzz.h tests/fuzz/npy.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_npy_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_npy_LDADD = $(FUZZ_LOADS_LIBS)

tests_fuzz_safetensors_SOURCES = tests/fuzz/fuzz.h tests/fuzz/safetensors.c tests/fuzz/loads.h tests/fuzz/replay.c
tests_fuzz_safetensors_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_safetensors_LDADD = $(FUZZ_LOADS_LIBS)

# make fuzz FUZZ_SECONDS=600: that long for each target, with sanitizers. New inputs go to tests/fuzz/found of the build folder.
FUZZ_CC = clang
FUZZ_SECONDS = 20
FUZZ_CFLAGS = -std=c11 -g -O1 -ffp-contract=off -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
CLEANFILES += $(FUZZ_TARGETS:=-fuzzer)
.PHONY: fuzz
fuzz:
	@for target in $(FUZZ_TARGETS); do \
	  name=$$(basename $$target) && $(MKDIR_P) tests/fuzz/found/$$name && \
	  $(FUZZ_CC) $(AM_CPPFLAGS) $(HWLOC_CFLAGS) $(JANSSON_CFLAGS) $(MPI_CFLAGS) $(FUZZ_CFLAGS) -o tests/fuzz/$$name-fuzzer $(top_srcdir)/$$target.c \
	    $$(cd $(abs_top_srcdir) && printf '$(top_srcdir)/%s ' src/core/*.c src/detect/*.c src/formats/*.c) \
	    $(HWLOC_LIBS) $(JANSSON_LIBS) $(LIBCSV_LIBS) -lm && \
	  more= && if [ $$name = xml ]; then more=$(top_srcdir)/tests/data/machines; fi && \
	  tests/fuzz/$$name-fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=tests/fuzz/found/ \
	    tests/fuzz/found/$$name $(top_srcdir)/tests/fuzz/corpus/$$name $$more || exit 1; \
	done
