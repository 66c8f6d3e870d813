# EPLB_HWLOC: hwloc 2.5 or later, but not 3.
AC_DEFUN([EPLB_HWLOC], [
PKG_CHECK_MODULES([HWLOC], [hwloc >= 2.5 hwloc < 3], [],
  [AC_MSG_ERROR([hwloc 2.5 to 2.x is needed: install libhwloc-dev])])
])
