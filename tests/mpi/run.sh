# Sourced by the tests here. `on_ranks PROGRAM N...` runs tests/mpi/PROGRAM with each number of ranks under a time limit; each prints
# its own TAP lines, and how many cases these were at the end. A run that hangs, dies or prints another number of cases without saying
# what failed is a failed case of its own. `finish` ends the test. MPI_TEST_RANKS are the numbers of ranks instead of a test's own, and
# with TEST_LONG set to anything a test adds those that take longer.
ASAN_OPTIONS=fast_unwind_on_malloc=0 # MPI unloads what it leaks from: only callers further up tell that it is not ours
export ASAN_OPTIONS
unset $(env | sed -n 's/^\(EPLB_[A-Za-z0-9_]*\)=.*/\1/p') # a test sets what it wants
cases=0

on_ranks() {
  program=$1
  shift
  for ranks in "$@"; do
    output=$(timeout "${MPI_TEST_LIMIT:-300}" $MPIEXEC -n "$ranks" "tests/mpi/$program" 2>&1)
    status=$?
    printf '%s\n' "$output" | sed '/^ok\|^not ok\|^#/!s/^/# /'
    printed=$(printf '%s\n' "$output" | grep -c '^ok\|^not ok')
    cases=$((cases + printed))
    printf '%s\n' "$output" | grep -q '^not ok' && continue
    if [ $status -ne 0 ] || [ $printed -eq 0 ] || ! printf '%s\n' "$output" | grep -q "^# cases: $printed\$"; then
      echo "not ok - $program with $ranks ranks ended with status $status after $printed cases"
      cases=$((cases + 1))
    fi
  done
}

finish() {
  echo "1..$cases"
}
