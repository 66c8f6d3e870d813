# EPLB_CUNIT: for `make check` only; without it the C tests are left out, and configure says so.
AC_DEFUN([EPLB_CUNIT], [
PKG_CHECK_MODULES([CUNIT], [cunit], [eplb_have_cunit=yes],
  [eplb_have_cunit=no; AC_MSG_WARN([CUnit not found (libcunit1-dev): make check will leave out the C tests])])
AM_CONDITIONAL([HAVE_CUNIT], [test "x$eplb_have_cunit" = xyes])
])
