# EPLB_XXHASH: XXH3, the checksum that travels with the weights.
AC_DEFUN([EPLB_XXHASH], [
PKG_CHECK_MODULES([XXHASH], [libxxhash >= 0.8], [], [AC_MSG_ERROR([xxHash 0.8 is needed: install libxxhash-dev])])
])
