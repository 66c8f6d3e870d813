#!/bin/sh
# For make installcheck: what README says of a prefix of one's own, line by line, with this prefix, MPI and a folder to work in.
set -eu
work=$PWD/tests/tools/installcheck.work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cp -R "$srcdir/examples" "$work"
lines=$(sed -n '/^    export PKG_CONFIG_PATH=/,/^$/p' "$srcdir/README.md" |
  sed "s,\$HOME/eplb/lib/pkgconfig,$PKG_CONFIG_FOLDER,; s,mpicc ,$MPICC ,")
expected=$(cat "$srcdir/tests/tools/expected/hello-3.txt")
cd "$work"
eval "$lines"
unset LD_LIBRARY_PATH
EPLB_PLANNER=deepseek # the one that never changes
export EPLB_PLANNER
[ "$(timeout "${MPI_TEST_LIMIT:-300}" $MPIEXEC -n 3 ./hello)" = "$expected" ]
echo "installed in $LIBRARY_FOLDER: examples/hello.c is built and runs as README says"
