# EPLB_MPI: flags of the MPI whose compiler wrapper is MPICC (default mpicc) and its launcher MPIEXEC.
# Any wrapper that answers -show works: Open MPI, MPICH and their kin.
AC_DEFUN([EPLB_MPI], [
AC_ARG_VAR([MPICC], [MPI compiler wrapper [mpicc]])
AC_ARG_VAR([MPIEXEC], [MPI launcher [the one named like MPICC]])
AC_CHECK_PROGS([MPICC], [mpicc])
AS_IF([test -z "$MPICC"], [AC_MSG_ERROR([no mpicc found: install Open MPI (libopenmpi-dev openmpi-bin) or MPICH])])
AC_MSG_CHECKING([the flags of $MPICC])
eplb_show=`$MPICC -show 2>/dev/null`
AS_IF([test -z "$eplb_show"], [AC_MSG_ERROR([$MPICC -show prints nothing: set MPICC to an MPI compiler wrapper])])
MPI_CFLAGS=
MPI_LIBS=
for word in $eplb_show; do
  AS_CASE([$word],
    [-I*], [MPI_CFLAGS="$MPI_CFLAGS -isystem ${word@%:@-I}"],
    [-D*|-pthread], [MPI_CFLAGS="$MPI_CFLAGS $word"],
    [-L*|-l*|-Wl,*], [MPI_LIBS="$MPI_LIBS $word"])
done
AC_MSG_RESULT([$MPI_CFLAGS $MPI_LIBS])
eplb_save_CFLAGS=$CFLAGS eplb_save_LIBS=$LIBS
CFLAGS="$CFLAGS $MPI_CFLAGS" LIBS="$MPI_LIBS $LIBS"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[@%:@include <mpi.h>
]], [[return MPI_Iallreduce(0, 0, 0, MPI_INT, MPI_MIN, MPI_COMM_SELF, 0);]])], [],
  [AC_MSG_ERROR([cannot link an MPI 3 program with the flags of $MPICC; see config.log])])
# gcc takes MPICH's MPI_STATUSES_IGNORE, which is the address 1, for an array that is too short.
CFLAGS="$CFLAGS -Werror=stringop-overflow"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[@%:@include <mpi.h>
]], [[MPI_Request r = MPI_REQUEST_NULL; int n, i; return MPI_Testsome(1, &r, &n, &i, MPI_STATUSES_IGNORE);]])], [],
  [MPI_CFLAGS="$MPI_CFLAGS -Wno-stringop-overflow"])
CFLAGS=$eplb_save_CFLAGS LIBS=$eplb_save_LIBS
AC_CHECK_PROGS([MPIEXEC], [`echo "$MPICC" | sed 's/mpicc/mpiexec/'` mpiexec mpirun])
AC_SUBST([MPI_CFLAGS])
AC_SUBST([MPI_LIBS])
])
