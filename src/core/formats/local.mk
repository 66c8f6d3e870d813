noinst_LTLIBRARIES += src/core/formats/libformats.la

src_core_formats_libformats_la_SOURCES = \
	src/core/formats/input.c \
	src/core/formats/input.h \
	src/core/formats/json_file.c \
	src/core/formats/json_file.h \
	src/core/formats/json_value.c \
	src/core/formats/json_value.h \
	src/core/formats/loads_csv.c \
	src/core/formats/loads_csv_write.c \
	src/core/formats/loads_in.h \
	src/core/formats/loads_json.c \
	src/core/formats/loads_long.c \
	src/core/formats/loads_long.h \
	src/core/formats/loads_npy.c \
	src/core/formats/loads_physical.c \
	src/core/formats/loads_physical.h \
	src/core/formats/loads_read.c \
	src/core/formats/loads_records.c \
	src/core/formats/loads_records.h \
	src/core/formats/loads_rows.c \
	src/core/formats/loads_rows.h \
	src/core/formats/loads_trtllm.c \
	src/core/formats/npy_header.c \
	src/core/formats/npy_header.h \
	src/core/formats/placement_json.c \
	src/core/formats/placement_assignments.c \
	src/core/formats/placement_in.h \
	src/core/formats/placement_layer_list.c \
	src/core/formats/placement_map.c \
	src/core/formats/placement_map.h \
	src/core/formats/placement_read.c \
	src/core/formats/raw_number.c \
	src/core/formats/raw_number.h \
	src/core/formats/safetensors.c \
	src/core/formats/safetensors.h \
	src/core/formats/topology_json.c \
	src/core/formats/topology_spec.c \
	src/core/formats/topology_spec.h \
	src/core/formats/yaml_value.c \
	src/core/formats/yaml_value.h
src_core_formats_libformats_la_CPPFLAGS = $(SOURCE_CPPFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS)
src_core_formats_libformats_la_LIBADD = $(JANSSON_LIBS) $(LIBCSV_LIBS) $(YAML_LIBS)
