# For shell tests of the command: sourced with the name of the test in $test.  Sets symo and root, goes
# to an empty directory that is removed at the end, and counts failures.
# shellcheck shell=bash disable=SC2034,SC2154 # used by those who source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
symo=${SYMO:-$root/build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
work=$(mktemp -d "${WORK:-${TMPDIR:-/tmp}}/symo-$test.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# fails CODE TEXT ARGUMENTS...: the exit code, one line on stderr that holds TEXT and says what to do,
# nothing on stdout.
fails() {
  local code=$1 text=$2 status
  shift 2
  "$symo" "$@" >out 2>err </dev/null
  status=$?
  [ $status -eq "$code" ] || fail "symo $*: exit $status, not $code: $(cat err)"
  [ "$(wc -l <err)" -eq 1 ] || fail "symo $*: not one line: $(cat err)"
  grep -q '^symo: error: [^ ].*: .* (.*)$' err ||
    fail "symo $*: not WHERE: WHAT (what to do): $(cat err)"
  grep -qF -- "$text" err || fail "symo $*: no \"$text\" in: $(cat err)"
  [ -s out ] && fail "symo $*: something on stdout"
}
