noinst_LTLIBRARIES += src/formats/libformats.la

src_formats_libformats_la_SOURCES =
src_formats_libformats_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_formats_libformats_la_LIBADD = $(JANSSON_LIBS) $(LIBCSV_LIBS)
