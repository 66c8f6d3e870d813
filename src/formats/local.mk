noinst_LTLIBRARIES += src/formats/libformats.la

src_formats_libformats_la_SOURCES = \
	src/formats/input.c \
	src/formats/input.h \
	src/formats/json_file.c \
	src/formats/json_file.h \
	src/formats/loads_csv.c \
	src/formats/loads_csv_write.c \
	src/formats/output.c \
	src/formats/output.h \
	src/formats/placement_json.c \
	src/formats/placement_json_read.c \
	src/formats/placement_map.c \
	src/formats/placement_map.h \
	src/formats/show.c \
	src/formats/show.h \
	src/formats/topology_json.c \
	src/formats/topology_spec.c \
	src/formats/topology_spec.h
src_formats_libformats_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_formats_libformats_la_LIBADD = $(JANSSON_LIBS) $(LIBCSV_LIBS)
