# EPLB_WARNINGS: all the warnings that this compiler knows; errors with --enable-werror, as CI has it.
AC_DEFUN([EPLB_WARNINGS], [
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [make warnings errors])])
eplb_save_CFLAGS=$CFLAGS
WARNING_CFLAGS=
for flag in -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla; do
  CFLAGS="$eplb_save_CFLAGS $flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [WARNING_CFLAGS="$WARNING_CFLAGS $flag"])
done
# Whole numbers are enumerators here, and meet doubles: clang 19 warns of that with -Wconversion.
CFLAGS="$eplb_save_CFLAGS -Wenum-float-conversion"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [WARNING_CFLAGS="$WARNING_CFLAGS -Wno-enum-float-conversion"])
CFLAGS=$eplb_save_CFLAGS
AS_IF([test "x$enable_werror" = xyes], [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
AC_SUBST([WARNING_CFLAGS])
])

# EPLB_SANITIZERS: --enable-sanitizers builds everything with AddressSanitizer and UBSan.
AC_DEFUN([EPLB_SANITIZERS], [
AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers], [build with AddressSanitizer and UBSan])])
AS_IF([test "x$enable_sanitizers" = xyes],
  [SANITIZER_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
  # clang 17 and later compare the types of functions called by pointer; those of vendors' libraries are declared here anew.
  eplb_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror -fno-sanitize=function"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fno-sanitize=function"])
  CFLAGS=$eplb_save_CFLAGS])
AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
AC_SUBST([SANITIZER_CFLAGS])
])

# EPLB_HARDENING: what the compiler and the linker have against overruns, unless --disable-hardening. The fortified library would hide
# overruns from sanitizers, and needs optimization: so each flag is tried with the user's, and is left out where that warns.
AC_DEFUN([EPLB_HARDENING], [
AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening],
  [build without stack protector, _FORTIFY_SOURCE and full RELRO])])
eplb_save_CFLAGS=$CFLAGS eplb_save_LDFLAGS=$LDFLAGS
HARDENING_CFLAGS= HARDENING_LDFLAGS=
AS_IF([test "x$enable_hardening" != xno && test "x$enable_sanitizers" != xyes], [
  for flag in -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2; do
    CFLAGS="$eplb_save_CFLAGS -Werror $flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[@%:@include <string.h>]], [[char a[9]; return (int)strlen(strcpy(a, "a"));]])],
      [HARDENING_CFLAGS="$HARDENING_CFLAGS $flag"])
  done
  CFLAGS=$eplb_save_CFLAGS
  for flag in -Wl,-z,relro -Wl,-z,now; do
    LDFLAGS="$eplb_save_LDFLAGS $flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [HARDENING_LDFLAGS="$HARDENING_LDFLAGS $flag"])
  done
])
CFLAGS=$eplb_save_CFLAGS LDFLAGS=$eplb_save_LDFLAGS
AC_SUBST([HARDENING_CFLAGS])
AC_SUBST([HARDENING_LDFLAGS])
])
