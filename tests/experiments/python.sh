#!/usr/bin/env bash
# The Python package on the library that was built: numpy always, scipy and torch where they are
# there; and a wheel, where setuptools can make one without a network.
# Environment: PYTHON, a python3 with numpy and pytest, to be tried before those of the system.
set -u
if [ -n "${SANITIZED:-}" ]; then
  echo "python itself has no sanitizers, and cannot load a library that has"
  exit 77
fi
library=$BUILD/libsymo.so
[ -e "$library" ] || library=$BUILD/libsymo.dylib
[ -e "$library" ] || { echo "no $library (run make lib)"; exit 1; }

python=
for candidate in ${PYTHON:-} python3 /usr/bin/python3 /usr/local/bin/python3; do
  if "$candidate" -c 'import sys, numpy, pytest; sys.exit(sys.version_info < (3, 9))' \
    >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "no python3 (3.9 or newer) that imports numpy and pytest"; exit 77; }

export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1} PYTHONDONTWRITEBYTECODE=1
export SYMO=${SYMO:-$BUILD/symo} SYMO_LIBRARY=$library
(cd "$WORK" && PYTHONPATH=$SOURCE/python "$python" -m pytest -q -p no:cacheprovider \
  "$SOURCE/python/tests") || exit 1

# setup.py writes beside itself, so a copy is what it works on.
if "$python" -m pip --version >/dev/null 2>&1 && "$python" - >/dev/null 2>&1 <<'END'; then
import setuptools
try:
    import setuptools.command.bdist_wheel
except ImportError:
    import wheel
assert int(setuptools.__version__.split(".")[0]) >= 64
END
  mkdir -p "$WORK/tree/include" && cp -r "$SOURCE/python" "$WORK/tree" &&
    cp -r "$SOURCE/include/symo" "$WORK/tree/include" || exit 1
  rm -rf "$WORK/tree/python/build"
  cd "$WORK/tree" || exit 1
  "$python" -m pip wheel -q --no-index --no-deps --no-build-isolation -w "$WORK/wheels" \
    ./python || exit 1
  "$python" -m zipfile -e "$WORK"/wheels/symo-*-py3-none-*.whl "$WORK/site" || exit 1
  env -u SYMO_LIBRARY PYTHONPATH="$WORK/site" "$python" -c '
import pathlib, symo
root = pathlib.Path(symo.__file__).parent
assert str(root).endswith("site/symo"), root
assert symo.version() == symo.__version__ and (root / "py.typed").exists()
assert any(root.glob("libsymo.*"))
assert symo.estimate("h: permutation 3; b[h]", __import__("numpy").ones(3)).trace() > 0' || exit 1
fi
