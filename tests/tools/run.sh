# Sourced by the tests here. Each works in a folder of its own, $work, which is gone when it ends; the tool is $eplb.
LC_ALL=C
OMPI_MCA_odls_base_sigkill_timeout=0 # else Open MPI waits a second for ranks that are about to end anyway
ASAN_OPTIONS=fast_unwind_on_malloc=0 # MPI unloads what it leaks from: only callers further up tell that it is not ours
export LC_ALL OMPI_MCA_odls_base_sigkill_timeout ASAN_OPTIONS
unset ARGP_HELP_FMT SLURM_TOPOLOGY_ADDR $(env | sed -n 's/^\(EPLB_[A-Za-z0-9_]*\)=.*/\1/p')

here=$(cd "$srcdir/tests/tools" && pwd)
shared=$(cd "$srcdir/.." && pwd)/shared # recorded loads and machines: others' data, no part of the project
build=$PWD
eplb=$build/eplb
work=$build/tests/$(basename "$(dirname "$0")")/$(basename "$0" .test).work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
limit=${MPI_TEST_LIMIT:-300} # seconds until a run counts as hung, on a busy machine too
cases=0

# run COMMAND...: its output into the files out and err, its exit status into $status.
run() {
  "$@" >out 2>err
  status=$?
}

# on_ranks N ARGUMENTS...: eplb under mpirun. A hang ends with status 124.
on_ranks() {
  ranks=$1
  shift
  run timeout $limit $MPIEXEC -n "$ranks" "$eplb" "$@"
}

# Each line of a file as a comment, the last one too if nothing ends it: else it would swallow the next case.
comment() {
  [ ! -f "$2" ] || awk -v prefix="# $1" '{ print prefix $0 }' "$2"
}

# check WHAT COMMAND...: a case, good if the command is; else what was run last is shown. What the command prints is a comment: cases
# are counted here, without numbers, so that nothing but a case can count as one.
check() {
  what=$1
  shift
  cases=$((cases + 1))
  if "$@" >said 2>&1; then
    echo "ok - $what"
  else
    echo "not ok - $what"
    comment "" said
    echo "# status ${status:-unknown: nothing was run}"
    comment "out: " out
    comment "err: " err
  fi
}

skip() {
  cases=$((cases + 1))
  echo "ok - $1 # SKIP $2"
}

finish() {
  echo "1..$cases"
}

ended() {
  [ "$status" -eq "$1" ]
}

# Whether the file is as expected/NAME says. With UPDATE_EXPECTED set it is made to say so: look at git diff then.
is_expected() {
  [ -z "${UPDATE_EXPECTED:-}" ] || cp "$1" "$here/expected/$2"
  diff -u "$here/expected/$2" "$1"
}

# golden WHAT NAME: the last output is expected/NAME, nothing was said on stderr, and the status is 0.
golden() {
  check "$1" eval 'ended 0 && [ ! -s err ] && is_expected out "'"$2"'"'
}

# One sentence of the tool, whatever a launcher adds; $1 is a pattern of grep for the whole of it.
said_once() {
  [ "$(grep -c '^eplb: ' err)" -eq 1 ] && grep -q "^eplb: $1\$" err
}

# The text without control characters, which have no place in the name of a case.
printable() {
  printf '%s' "$*" | tr -d '[:cntrl:]'
}

# refused STATUS SENTENCE ARGUMENTS...: eplb prints nothing but this sentence.
refused() {
  expected_status=$1 sentence=$2
  shift 2
  run "$eplb" "$@"
  check "eplb $(printable "$*")" eval 'ended $expected_status && [ ! -s out ] && [ "$(cat err)" = "eplb: $sentence" ]'
}

# json_holds WHAT FILE EXPRESSION: the file parses and the expression, in Python, is true of d, the document or the list of its lines.
json_holds() {
  if ! python3 -c '' 2>/dev/null; then
    skip "$1" "no python3"
    return
  fi
  check "$1" python3 -c '
import json, sys
parse = lambda text: json.loads(text, parse_constant=lambda name: 1 / 0)  # NaN is no JSON
text = open(sys.argv[1]).read()
try:
    d = parse(text)
except ValueError:
    d = [parse(line) for line in text.splitlines()]
sys.exit(not eval(sys.argv[2]))' "$2" "$3"
}
