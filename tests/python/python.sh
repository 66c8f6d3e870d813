# Sourced by the tests here. $python has the package, see environment; without it the test is skipped.
source=$(cd "$srcdir" && pwd)
unset PYTHONPATH $(env | sed -n 's/^\(EPLB_[A-Za-z0-9_]*\)=.*/\1/p')

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

python=$(tail -n 1 tests/python/environment.log)
case $python in skip:*) skip_all "${python#skip: }" ;; esac
