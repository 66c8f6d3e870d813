noinst_LTLIBRARIES += src/formats/libformats.la

src_formats_libformats_la_SOURCES = \
	src/formats/input.c \
	src/formats/input.h \
	src/formats/json_file.c \
	src/formats/json_file.h \
	src/formats/json_value.c \
	src/formats/json_value.h \
	src/formats/loads_csv.c \
	src/formats/loads_csv_write.c \
	src/formats/loads_in.h \
	src/formats/loads_json.c \
	src/formats/loads_npy.c \
	src/formats/loads_read.c \
	src/formats/loads_records.c \
	src/formats/loads_records.h \
	src/formats/loads_rows.c \
	src/formats/loads_rows.h \
	src/formats/loads_trtllm.c \
	src/formats/npy_header.c \
	src/formats/npy_header.h \
	src/formats/output.c \
	src/formats/output.h \
	src/formats/placement_json.c \
	src/formats/placement_json_read.c \
	src/formats/placement_map.c \
	src/formats/placement_map.h \
	src/formats/raw_number.c \
	src/formats/raw_number.h \
	src/formats/safetensors.c \
	src/formats/safetensors.h \
	src/formats/show.c \
	src/formats/show.h \
	src/formats/topology_json.c \
	src/formats/topology_spec.c \
	src/formats/topology_spec.h
src_formats_libformats_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_formats_libformats_la_LIBADD = $(JANSSON_LIBS) $(LIBCSV_LIBS)
