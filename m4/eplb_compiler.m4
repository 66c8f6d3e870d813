# EPLB_WARNINGS: all the warnings that this compiler knows; errors with --enable-werror, as CI has it.
AC_DEFUN([EPLB_WARNINGS], [
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [make warnings errors])])
eplb_save_CFLAGS=$CFLAGS
WARNING_CFLAGS=
for flag in -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla; do
  CFLAGS="$eplb_save_CFLAGS $flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [WARNING_CFLAGS="$WARNING_CFLAGS $flag"])
done
CFLAGS=$eplb_save_CFLAGS
AS_IF([test "x$enable_werror" = xyes], [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
AC_SUBST([WARNING_CFLAGS])
])

# EPLB_SANITIZERS: --enable-sanitizers builds everything with AddressSanitizer and UBSan.
AC_DEFUN([EPLB_SANITIZERS], [
AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers], [build with AddressSanitizer and UBSan])])
AS_IF([test "x$enable_sanitizers" = xyes],
  [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
AC_SUBST([SANITIZER_CFLAGS])
])
