#!/usr/bin/env bash
# The programs of experiments/examples: each builds with the public headers and libsymo.a alone, and
# prints what stands here.  test_readme.sh looks for those that the README shows.
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
    # Six rounds; both losses fall to near 0.207, the entropy of the text; Symo is ahead in the second.
    train_by_hand.c)
      awk 'NR == 2 { start = $2 > 1 && $3 > 1 } NR == 3 { first = $2 < $3 } NR == 7 { low = $2 < 0.3 && $3 < 0.3 }
        END { exit !(NR == 7 && start && first && low) }' "$work/out" ||
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

# Where something fails, before there is a handle or after, a program says what in one line and ends with
# 1; a build with sanitizers sees whether it destroyed what it made.
breaks() { # PROGRAM SED TEXT
  sed "$2" "$root/experiments/examples/$1.c" >"$work/broken-$1.c"
  cmp -s "$root/experiments/examples/$1.c" "$work/broken-$1.c" && fail "$1.c: nothing to break by $2"
  run "$work/broken-$1.c" >"$work/out" 2>"$work/err"
  local status=$?
  [ $status -eq 1 ] || fail "$1.c, $2: exit $status: $(cat "$work/err")"
  if [ "$(wc -l <"$work/err")" -ne 1 ] || ! grep -qF "$3" "$work/err" || [ -s "$work/out" ]; then
    fail "$1.c, $2: $(cat "$work/out" "$work/err")"
  fi
}
breaks step 's/h: signed/hh: signed/' 'names space h'
breaks step 's/symo lr/symmo lr/' 'did you mean "symo"?'
breaks step 's/= 2 \* b\[i\]/= b[i] * (0.0 \/ 0.0)/; s/lr=0.03/& nan=stop/' NaN
breaks quickstart 's/h: signed/hh: signed/' 'names space h'
breaks quickstart 's/{{\.1,/{{0.0 \/ 0.0,/' NaN
breaks quickstart 's/1e-3/-1/' damping
breaks train_by_hand 's/symo lr/symmo lr/' 'did you mean "symo"?'
breaks train_by_hand 's/uniform(&seed) - 0.5/NAN/; s/symo lr=0.01/& nan=stop/' NaN
[ "$failures" -eq 0 ]
