# EPLB_HWLOC: hwloc 2.5 or later, but not 3; nothing newer than 2.5 is called.
AC_DEFUN([EPLB_HWLOC], [
PKG_CHECK_MODULES([HWLOC], [hwloc >= 2.5 hwloc < 3], [],
  [AC_MSG_ERROR([hwloc 2.5 to 2.x is needed: install libhwloc-dev])])
eplb_save_CFLAGS=$CFLAGS eplb_save_LIBS=$LIBS
CFLAGS="$CFLAGS $HWLOC_CFLAGS" LIBS="$HWLOC_LIBS $LIBS"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[@%:@include <hwloc.h>
@%:@include <hwloc/distances.h>
]], [[return hwloc_distances_transform(0, 0, HWLOC_DISTANCES_TRANSFORM_MERGE_SWITCH_PORTS, 0, 0) + (HWLOC_API_VERSION >> 16 != 2);]])],
  [], [AC_MSG_ERROR([this hwloc lacks hwloc_distances_transform: hwloc 2.5 to 2.x is needed])])
CFLAGS=$eplb_save_CFLAGS LIBS=$eplb_save_LIBS
])
