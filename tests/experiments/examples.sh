#!/usr/bin/env bash
# The programs of experiments/examples: each builds with the public headers and libsymo.a alone, and
# prints what stands here; step.c and quickstart.c stand word for word in the README.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
[ -f "$build/libsymo.a" ] || { echo "no $build/libsymo.a (run make first)"; exit 1; }
work=$(mktemp -d "${WORK:-${TMPDIR:-/tmp}}/symo-examples.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# What a user would type; a build with sanitizers or coverage needs their run-time libraries too.
flags=()
[ -n "${SANITIZED:-}" ] && flags+=("-fsanitize=address,undefined")
case $build in */coverage) flags+=(--coverage) ;; esac
libraries=(-lgsl -llapacke -lopenblas -ljansson -lm)
if [ "$(uname -s)" = Darwin ]; then
  libraries=("-L$(brew --prefix openblas)/lib" -lgsl -lopenblas -ljansson -lm)
fi

run() { # SOURCE -> its output
  local name
  name=$(basename "$1" .c)
  "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror ${flags[@]+"${flags[@]}"} "-I$root/include" \
    "$1" "$build/libsymo.a" "${libraries[@]}" -pthread -o "$work/$name" || return 1
  "$work/$name"
}

for source in "$root"/experiments/examples/*.c; do
  run "$source" >"$work/out" || fail "$(basename "$source") does not build or run"
  case $(basename "$source") in
    # X (M + 0.001 I)^-1 with X = [w b], M = (X'X / 4)^1/2, the last column: by numpy.
    quickstart.c) expected="Newton step of b: 1.260625 -1.146284 ..." ;;
    # After 100 steps near the minimum (1, 0, 0): within 0.1, a bound that no rounding reaches.
    step.c)
      awk '{ gsub(",", ""); a = $2 - 1; b = $3; c = $5
        exit !(NF == 5 && a * a < 0.01 && b * b < 0.01 && c * c < 0.01) }' "$work/out" ||
        fail "step.c printed \"$(cat "$work/out")\""
      continue ;;
    # What README says: both losses fall from log 27 or so below 0.6, and Symo is ahead after 50 steps.
    train_by_hand.c)
      awk '$1 == 0 { start = $2 > 2 && $3 > 2 } $1 == 50 { ahead = $2 < $3 }
        $1 == 300 { low = $2 < 0.6 && $3 < 0.6 } END { exit !(start && ahead && low) }' "$work/out" ||
        fail "train_by_hand.c printed \"$(cat "$work/out")\""
      continue ;;
    # Diagonal 3 t^2 + 1 against its mean, over ones elsewhere: by hand.
    problem.c) expected="|H - average of H| / |H|: 0.000 at equal parameters, 0.424 apart" ;;
    # h-g of one gradient under Z_2^2: Walsh characters of its absolute values, by numpy.
    plugin_hadamard.c) expected="estimate for b, rows 0 and 1: 0.5370 -0.0312 0.2661 -0.2793, -0.0312 0.5370 -0.2793 0.2661" ;;
    *) fail "$(basename "$source"): say here what it prints"; continue ;;
  esac
  [ "$(cat "$work/out")" = "$expected" ] ||
    fail "$(basename "$source") printed \"$(cat "$work/out")\", not \"$expected\""
done

if [ -f "$root/README.md" ]; then
  # The lines of the program must follow each other there, as they are.
  for program in step quickstart; do
    awk 'NR == FNR { program = program $0 "\n"; next } { readme = readme $0 "\n" }
      END { exit index(readme, program) ? 0 : 1 }' \
      "$root/experiments/examples/$program.c" "$root/README.md" ||
      fail "README.md does not show experiments/examples/$program.c word for word"
  done
fi
[ "$failures" -eq 0 ]
