#!/usr/bin/env bash
# symo from Python: layouts, gradients and parameters written there, answers checked with numpy.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
symo=${SYMO:-$root/build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }

python=
for candidate in python3 /usr/bin/python3 /usr/local/bin/python3; do
  if "$candidate" -c 'import numpy' >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "no python3 that imports numpy"; exit 77; }

work=$(mktemp -d "${WORK:-${TMPDIR:-/tmp}}/symo-interop.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
"$python" "$root/experiments/interop/interop.py" "$symo" "$work"
