# EPLB_LIBCSV: CSV; it has no pkg-config file.
AC_DEFUN([EPLB_LIBCSV], [
eplb_save_LIBS=$LIBS
AC_SEARCH_LIBS([csv_parse], [csv], [], [AC_MSG_ERROR([libcsv is needed: install libcsv-dev])])
LIBS=$eplb_save_LIBS
AS_IF([test "x$ac_cv_search_csv_parse" != "xnone required"], [LIBCSV_LIBS=$ac_cv_search_csv_parse])
AC_SUBST([LIBCSV_LIBS])
])
