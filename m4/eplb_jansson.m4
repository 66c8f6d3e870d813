# EPLB_JANSSON: JSON.
AC_DEFUN([EPLB_JANSSON], [
PKG_CHECK_MODULES([JANSSON], [jansson >= 2.11], [], [AC_MSG_ERROR([jansson is needed: install libjansson-dev])])
])
