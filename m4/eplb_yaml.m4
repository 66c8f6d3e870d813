# EPLB_YAML: YAML.
AC_DEFUN([EPLB_YAML], [
PKG_CHECK_MODULES([YAML], [yaml-0.1 >= 0.2], [], [AC_MSG_ERROR([libyaml is needed: install libyaml-dev])])
])
