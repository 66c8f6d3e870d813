# Sourced by the tests here. `on_ranks PROGRAM N...` runs tests/mpi/PROGRAM with each number of ranks under a time limit; each prints
# its own TAP lines. A run that hangs or dies without saying what failed is a failed case of its own. `finish` ends the test.
ASAN_OPTIONS=fast_unwind_on_malloc=0 # MPI unloads what it leaks from: only callers further up tell that it is not ours
export ASAN_OPTIONS
cases=0

on_ranks() {
  program=$1
  shift
  for ranks in "$@"; do
    output=$(timeout "${MPI_TEST_LIMIT:-90}" $MPIEXEC -n "$ranks" "tests/mpi/$program" 2>&1)
    status=$?
    printf '%s\n' "$output" | sed '/^ok\|^not ok\|^#/!s/^/# /'
    cases=$((cases + $(printf '%s\n' "$output" | grep -c '^ok\|^not ok')))
    case $output in
    *"not ok"*) ;;
    *)
      if [ $status -ne 0 ] || ! printf '%s\n' "$output" | grep -q '^ok'; then
        echo "not ok - $program with $ranks ranks ended with status $status"
        cases=$((cases + 1))
      fi
      ;;
    esac
  done
}

finish() {
  echo "1..$cases"
}
