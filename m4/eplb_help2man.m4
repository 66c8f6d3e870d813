# EPLB_HELP2MAN: man pages are made from --help; without help2man there are none.
AC_DEFUN([EPLB_HELP2MAN], [
AC_CHECK_PROGS([HELP2MAN], [help2man])
AS_IF([test -z "$HELP2MAN"], [AC_MSG_WARN([help2man not found: no man pages])])
AM_CONDITIONAL([HAVE_HELP2MAN], [test -n "$HELP2MAN"])
])
