# EPLB_DL: dlopen, which older C libraries keep in one of its own.
AC_DEFUN([EPLB_DL], [
eplb_save_LIBS=$LIBS
AC_SEARCH_LIBS([dlopen], [dl], [], [AC_MSG_ERROR([no dlopen: GPU libraries could not be loaded at run time])])
LIBS=$eplb_save_LIBS
AS_IF([test "x$ac_cv_search_dlopen" != "xnone required"], [DL_LIBS=$ac_cv_search_dlopen])
AC_SUBST([DL_LIBS])
])
