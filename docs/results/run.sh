#!/usr/bin/env bash
# Makes everything in this folder again: ./docs/results/run.sh [NAME...]   (SYMO: the command)
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME KEPT ARGUMENTS...: the command line and what it printed in NAME/output.txt, and the files KEPT.
compare() {
  local name=$1 kept=$2 file
  shift 2
  wanted "$name" || return 0
  mkdir -p "$name"
  echo "symo compare $*"
  { echo "\$ symo compare $*"; "$symo" compare "$@" --out "$work/$name"; } >"$work/out"
  sed "s|$work/||" "$work/out" >"$name/output.txt"
  for file in $kept; do cp "$work/$name/$file" "$name/"; done
}
bench() {
  local name=$1
  shift
  wanted "$name" || return 0
  mkdir -p "$name"
  echo "symo bench $*"
  { echo "\$ symo bench $*"; "$symo" bench "$@"; } >"$name/output.txt"
}
names=("$@")
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }

teacher=(--data teacher --net 3-64-2 --act tanh --loss mse)
compare digits "matrices.png spectra.png cosines.png results.json" --data digits --seeds 3
compare central-fact "sweep.png matrices.png" "${teacher[@]}" --no-bias --sweep scale --seeds 5
compare central-fact-biases "sweep.png" "${teacher[@]}" --sweep scale --seeds 5
compare more-inputs "" --data teacher --net 20-64-5 --sweep scale --seeds 5 \
  --sweep-values 0.001,0.01,0.1
compare training "sweep.png" --data digits --net 64-16-10 --sweep steps --seeds 3
compare width "sweep.png" "${teacher[@]}" --sweep width --seeds 3
compare depth "sweep.png" --data teacher --net 3-24-2 --sweep depth --seeds 3
compare activation "sweep.png" "${teacher[@]}" --sweep activation --seeds 3
compare groups "sweep.png" "${teacher[@]}" --sweep groups --seeds 3 \
  --sweep-values identity,sign-flip,permutation,signed-permutation,orthogonal
bench bench-estimate estimate
bench bench-hessian hessian
