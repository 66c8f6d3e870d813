# Sourced by the tests here. Finds a Python that has what is needed, copies what a clone has into a folder of its own, since builds write
# there, and builds the package as users do, without network.
work=$PWD/tests/python/$(basename "$0" .test).work
source=$(cd "$srcdir" && pwd)
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH $(env | sed -n 's/^\(EPLB_[A-Za-z0-9_]*\)=.*/\1/p')

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

# find_python MODULE...: the first Python that has all of them: Debian's packages are not for other Pythons on the path.
find_python() {
  for python in ${PYTHON:-} python3 /usr/bin/python3; do
    "$python" -c 'import importlib.util, sys
sys.exit(any(importlib.util.find_spec(name) is None for name in sys.argv[1:]))' "$@" 2>/dev/null && return
  done
  skip_all "no Python has all of $*: see scripts/install-packages --with-tests"
}

# install FOLDER: pip install of a folder of the clone, into an environment of its own. Not optimized: tests are about what is right.
install() {
  [ -d "$work/clone" ] || {
    mkdir -p "$work/clone/src"
    cp -R "$source/python" "$source/include" "$source/LICENSE" "$work/clone"
    cp -R "$source/src/core" "$work/clone/src"
    chmod -R u+w "$work/clone"
    rm -rf "$work/clone/python/core"
    "$python" -m venv --system-site-packages --without-pip "$work/env"
    python=$work/env/bin/python
  }
  CFLAGS=-O0 "$python" -m pip install -q --no-index --no-deps --no-build-isolation --disable-pip-version-check \
    --no-warn-script-location "$work/clone/$1" >"$work/log" 2>&1 || {
    echo "not ok 1 - pip install $1"
    sed 's/^/# /' "$work/log"
    echo 1..1
    exit 1
  }
}
