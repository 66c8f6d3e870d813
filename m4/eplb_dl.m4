# EPLB_DL: dlopen and shm_open, which older C libraries keep in libraries of their own.
AC_DEFUN([EPLB_DL], [
eplb_save_LIBS=$LIBS
AC_SEARCH_LIBS([dlopen], [dl], [], [AC_MSG_ERROR([no dlopen: GPU libraries could not be loaded at run time])])
AC_SEARCH_LIBS([shm_open], [rt], [], [AC_MSG_ERROR([no shm_open: ranks of a node could not share memory])])
LIBS=$eplb_save_LIBS
AS_IF([test "x$ac_cv_search_dlopen" != "xnone required"], [DL_LIBS=$ac_cv_search_dlopen])
AS_IF([test "x$ac_cv_search_shm_open" != "xnone required"], [DL_LIBS="$DL_LIBS $ac_cv_search_shm_open"])
AC_SUBST([DL_LIBS])
])
