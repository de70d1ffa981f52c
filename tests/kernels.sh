#!/usr/bin/env bash
# Runs the tests once for each of several kernel families of OpenBLAS, which sum in different orders:
# $KERNELS, words FAMILY:THREADS, THREADS those of BLAS.  Families that this machine or its OpenBLAS
# does not have are left out, which is said; where none is left the tests run once, as they are.
# The last line is "N passed, M failed, K skipped" over all runs; the exit status is 0 only if M is 0.
# Argument and environment else: those of tests/run.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

: "${KERNELS:=Prescott:1 Haswell:2 SkylakeX:1}"
features=$({ cat /proc/cpuinfo || sysctl -n machdep.cpu.features machdep.cpu.leaf7_features; } \
  2>/dev/null | tr '[:upper:]' '[:lower:]')
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT

# Why the family cannot run here, or nothing.
reason() {
  local said
  case $1 in
    Haswell) [[ $features == *avx2* ]] || { echo "this machine has no AVX2"; return; } ;;
    SkylakeX) [[ $features == *avx512vl* ]] || { echo "this machine has no AVX-512"; return; } ;;
  esac
  said=$(OPENBLAS_VERBOSE=2 OPENBLAS_CORETYPE=$1 "${BUILD:-build}/symo" --version 2>&1 </dev/null)
  grep -qix "core: $1" <<<"$said" || echo "this OpenBLAS has no such kernels, or no choice between kernels"
}

passed=0 failed=0 skipped=0 runs=0
run() { # HEADING
  local status
  runs=$((runs + 1))
  echo "==== $1"
  tests/run.sh "${arguments[@]}" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r p f s < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' \
    "$log" | tail -n 1)
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  [ "$status" -eq 0 ] || [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
  echo
}

arguments=("$@")
for kernel in $KERNELS; do
  family=${kernel%%:*} threads=${kernel#*:}
  why=$(reason "$family")
  if [ -n "$why" ]; then
    echo "==== not with kernels of $family: $why"
    continue
  fi
  OPENBLAS_CORETYPE=$family TEST_BLAS_THREADS=$threads \
    run "kernels of $family, $threads BLAS thread(s)"
done
[ $runs -gt 0 ] || run "the kernels that OpenBLAS takes by itself"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
