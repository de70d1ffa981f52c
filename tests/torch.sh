#!/usr/bin/env bash
# make test-torch: the Python tests with torch, scipy, jax, curvlinops and mypy, and a wheel with a BLAS
# of its own, in virtual environments outside the tree.  The first run downloads 2 to 3 GB.
# Environment: BUILD, TORCH_VENV (default: ~/.cache/symo/torch), PYTHON (python3).
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD=$(cd "${BUILD:-build}" && pwd)
venv=${TORCH_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/symo/torch}
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -c 'import torch, scipy, pytest, scipy_openblas32, setuptools, wheel
import curvlinops, jax, mypy, optax' 2>/dev/null ||
  "$venv/bin/python" -m pip install -q torch scipy pytest scipy-openblas32 'setuptools>=64' wheel \
    curvlinops-for-pytorch jax mypy optax
library=$BUILD/libsymo.so
[ -e "$library" ] || library=$BUILD/libsymo.dylib
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1} PYTHONDONTWRITEBYTECODE=1
SYMO=$BUILD/symo SYMO_LIBRARY=$library PYTHONPATH=python "$venv/bin/python" -m pytest -q \
  -p no:cacheprovider python/tests

[ "$(uname -s)" = Linux ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
BUILD=$BUILD/python-blas SYMO_BLAS=scipy-openblas32 "$venv/bin/python" -m pip wheel -q --no-deps \
  --no-build-isolation -w "$work" ./python
"$venv/bin/python" -m venv "$work/fresh"
"$work/fresh/bin/python" -m pip install -q "$work"/symo-*.whl
cd "$work"
env -u LD_LIBRARY_PATH fresh/bin/python - <<'END'
import numpy as np
import symo

layout = "in: identity 20; h: signed-permutation 64; w[h,in] b[h]"
w, b = np.ones((64, 20), "f4"), np.ones(64, "f4")
optimizer = symo.Optimizer(layout, "symo", dtype="f32", lr=0.01)
for _ in range(30):
    optimizer.step([2 * w, 2 * b], [w, b])
assert abs(w).max() < 0.99
hessian = symo.estimate(layout, np.random.default_rng(0).normal(size=1344))
x = np.ones(1344)
y = hessian.solve(x, damping=1e-3)
assert abs(hessian @ y + 1e-3 * y - x).max() < 1e-6
libraries = {
    line.split()[-1]
    for line in open("/proc/self/maps")
    if any(name in line for name in ("blas", "lapack", "gsl", "jansson", "symo"))
}
outside = [path for path in libraries if path.startswith("/") and "/fresh/" not in path]
assert not outside, f"from the system: {outside}"
print("a wheel without BLAS, GSL and jansson of the system: passed")
END
