#!/usr/bin/env bash
# Runs the tests: the Criterion binary given as the first argument, then tests/experiments/*.sh.
# The last line is "N passed, M failed, K skipped", alone; the exit status is 0 only if M is 0.
#
# Criterion ends with 0 when a filter matches nothing, when a sanitizer finds a leak in a worker,
# and when valgrind finds an error in one; so the number of tests is held against tests/floor and
# the reports of the tools are looked for.
#
# Environment: BUILD (the build directory, with symo in it), CC;
#   TEST_FLAGS           for compiler and linker: the --coverage or -fsanitize of the build
#   FILTER=SUITE/TEST    only these tests of the binary, no floor, no shell tests
#   SHELL_TESTS='A B ..' only these shell tests (names without .sh, patterns), not the binary
#   SANITIZED=1          the build has the sanitizers; any report of theirs is a failure
#   VALGRIND=SUITE/TEST  these tests under valgrind, no floor, no shell tests
#   TEST_TIMEOUT         seconds for one test, 300
#   TEST_BLAS_THREADS    threads of BLAS, 1
# A shell test gets SYMO, BUILD, SOURCE, CC (one word, the flags inside) and WORK, a directory of
# its own.  It ends with 0 (passed), 77 (skipped; the last line says why) or else (failed).
set -uo pipefail

[ $# -eq 1 ] || { echo "usage: BUILD=DIR tests/run.sh TEST-BINARY" >&2; exit 2; }
binary=$1
cd "$(dirname "$0")/.." || exit 2
SOURCE=$PWD
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 2
SYMO=$BUILD/symo
FILTER=${FILTER:-}
SHELL_TESTS=${SHELL_TESTS:-}
VALGRIND=${VALGRIND:-}
SANITIZED=${SANITIZED:-}
TEST_TIMEOUT=${TEST_TIMEOUT:-300}
[ -n "$VALGRIND" ] && FILTER=$VALGRIND
if [ -n "$FILTER" ] && [ -n "$SHELL_TESTS" ]; then
  echo "tests/run.sh: FILTER is of the binary and SHELL_TESTS of the others (give one)" >&2
  exit 2
fi

# make cannot name files with blanks in their paths, and tests install into this directory.
base=${TMPDIR:-/tmp}
case $base in *[[:space:]]*) base=/tmp ;; esac
scratch=$(mktemp -d "$base/symo-tests.XXXXXX") || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/tmp" "$scratch/reports"
printf '#!/bin/sh\nexec %s %s "$@"\n' "${CC:-cc}" "${TEST_FLAGS:-}" >"$scratch/cc"
chmod +x "$scratch/cc"
CC=$scratch/cc
export SOURCE BUILD CC SYMO TEST_TIMEOUT TMPDIR=$scratch/tmp
export OPENBLAS_NUM_THREADS=${TEST_BLAS_THREADS:-1} OMP_NUM_THREADS=1 LC_ALL=C

# Tests that forbid writing files would have gcov complain on their stderr.
case ${TEST_FLAGS:-} in *--coverage*) export GCOV_ERROR_FILE=/dev/null ;; esac

passed=0 failed=0 skipped=0
complain() {
  echo "FAILED: $*" >&2
  failed=$((failed + 1))
}

# Reports of sanitizers or valgrind since the last call, which are printed and taken away.
reports() {
  local found=1 report
  for report in "$scratch"/reports/*; do
    [ -s "$report" ] && { head -n 60 "$report" >&2; found=0; }
    rm -f "$report"
  done
  return $found
}

if [ -n "$SANITIZED" ]; then
  export ASAN_OPTIONS="log_path=$scratch/reports/asan:detect_leaks=1:allocator_may_return_null=1"
  export UBSAN_OPTIONS="log_path=$scratch/reports/ubsan:print_stacktrace=1"
fi

# ---- the binary ----

[ -n "$SANITIZED" ] && TEST_TIMEOUT=$((TEST_TIMEOUT * 4))
[ -n "$VALGRIND" ] && TEST_TIMEOUT=$((TEST_TIMEOUT * 10))

number() { # of the closing line: Tested, Passing or Failing
  sed -n "s/.*Synthesis: .*$1: \([0-9][0-9]*\).*/\1/p" "$scratch/log" | tail -n 1
}

test_binary() {
  local command=("$binary" --color=never "--tap=$scratch/tap")
  [ -n "$FILTER" ] && command+=(--filter "$FILTER")
  if [ -n "$VALGRIND" ]; then
    command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
    command=(valgrind --quiet --trace-children=yes --leak-check=full --show-leak-kinds=definite
      "--log-file=$scratch/reports/vg.%p" "${command[@]}")
  fi

  "${command[@]}" </dev/null 2>&1 | tee "$scratch/log"
  local status=${PIPESTATUS[0]} tested floor=1

  tested=$(number Tested)
  passed=$(number Passing)
  failed=$(number Failing)
  tested=${tested:-0} passed=${passed:-0} failed=${failed:-0}
  [ -z "$FILTER" ] && [ -f "$scratch/tap" ] && skipped=$(grep -c '# SKIP' "$scratch/tap")

  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || complain "the test binary ended with $status"
  [ -z "$FILTER" ] && floor=$(cat tests/floor)
  if [ "$tested" -lt 1 ] || [ $((tested + skipped)) -lt "$floor" ]; then
    complain "$tested tests ran, at least $floor are expected (tests/floor)"
  fi
  reports && complain "the reports above"
  grep -q 'On entry to .* had an illegal value' "$scratch/log" &&
    complain "BLAS or LAPACK was called with wrong arguments"
}

[ -n "$SHELL_TESTS" ] || test_binary

# ---- shell tests ----

limit=()
command -v timeout >/dev/null && limit=(timeout $((TEST_TIMEOUT * 4)))

shell_test() {
  local name=$1 start=$SECONDS status
  WORK=$scratch/work
  mkdir "$WORK"
  export WORK
  ${limit[@]+"${limit[@]}"} bash "$name" >"$scratch/out" 2>&1 </dev/null
  status=$?
  chmod -R u+rwX "$WORK" 2>/dev/null
  rm -rf "$WORK"
  if reports; then
    cat "$scratch/out" >&2
    complain "$name: the reports above"
  elif [ $status -eq 0 ]; then
    echo "passed: $name ($((SECONDS - start)) s)"
    passed=$((passed + 1))
  elif [ $status -eq 77 ]; then
    echo "skipped: $name: $(tail -n 1 "$scratch/out")"
    skipped=$((skipped + 1))
  else
    cat "$scratch/out" >&2
    complain "$name ended with $status"
  fi
}

if [ -z "$FILTER" ]; then
  set -f
  for pattern in ${SHELL_TESTS:-*}; do
    found=0
    set +f
    for test in tests/experiments/$pattern.sh; do
      [ -e "$test" ] && found=1 && shell_test "$test"
    done
    [ $found -eq 1 ] || complain "no tests/experiments/$pattern.sh (SHELL_TESTS)"
  done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
