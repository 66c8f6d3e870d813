# EPLB_HELP2MAN: man pages are made from --help, unless they are there already, as in the distribution; HELP2MAN=no makes none.
AC_DEFUN([EPLB_HELP2MAN], [
AC_ARG_VAR([HELP2MAN], [makes man pages; no for none [help2man]])
AC_CHECK_PROGS([HELP2MAN], [help2man], [no])
AS_IF([test "x$HELP2MAN" != xno || test -f "$srcdir/src/tools/eplb.1"], [eplb_have_pages=yes],
  [eplb_have_pages=no; AC_MSG_WARN([help2man not found: no man pages])])
AM_CONDITIONAL([HAVE_HELP2MAN], [test "x$HELP2MAN" != xno])
AM_CONDITIONAL([HAVE_MAN_PAGES], [test "x$eplb_have_pages" = xyes])
])
