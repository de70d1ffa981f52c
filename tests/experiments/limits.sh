#!/usr/bin/env bash
# Little memory: every command ends, with an answer or with "out of memory", also where OpenBLAS would
# wait for buffers for ever; so does a program that uses the library.
set -u
test=limits
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C SYMO_DATA=$root/experiments/data/files
[ -z "${SANITIZED:-}" ] || { echo "sanitizers need more address space than a limit leaves"; exit 77; }
command -v timeout >/dev/null || { echo "timeout is not installed"; exit 77; }
(ulimit -v 150000) 2>/dev/null || { echo "ulimit -v cannot be set"; exit 77; }

# limited KILOBYTES THREADS COMMAND...: its exit status in $status, 124 when it did not end.
limited() {
  (
    ulimit -v "$1"
    export OPENBLAS_NUM_THREADS=$2
    shift 2
    exec timeout 120 "$@"
  ) >out 2>err </dev/null
  status=$?
}

small="in: identity 3; h: signed-permutation 4; w[h,in] b[h]"

# The program needs about 45 MB by itself, and a buffer 131 MB.
limited 150000 1 "$symo" groups
[ $status -eq 5 ] || fail "groups: exit $status: $(cat err)"
grep -q '^symo: error: symo: out of memory: .*(.*)$' err || fail "groups: $(cat err)"
for command in $("$symo" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  case $command in
  verify | layout | estimate) set -- --layout "$small" ;;
  compare) set -- --data teacher --net 2-3-1 --no-plots --out c ;;
  train | sweep) set -- classifier --data digits --steps 2 --out "$command" ;;
  *) set -- ;;
  esac
  for threads in 1 2; do
    limited 150000 $threads "$symo" "$command" "$@"
    [ $status -eq 5 ] || [ $status -eq 2 ] || fail "$command, $threads threads: exit $status: $(cat err)"
  done
done
for text in --version help "help train"; do
  # shellcheck disable=SC2086 # words
  limited 150000 2 "$symo" $text
  [ $status -eq 0 ] || fail "$text: exit $status: $(cat err)"
done

# With more, the same answer as without a limit, or none.
"$symo" verify --layout "$small" --samples 400 >whole 2>/dev/null
answers=0
for threads in 1 2; do
  for kilobytes in 180000 220000 300000 340000 400000 500000 700000 1000000; do
    limited $kilobytes $threads "$symo" verify --layout "$small" --samples 400
    [ $status -eq 0 ] || [ $status -eq 5 ] || fail "verify, $kilobytes kB: exit $status: $(cat err)"
    [ $status -ne 0 ] || cmp -s whole out || fail "verify, $kilobytes kB: another answer"
    [ $status -ne 0 ] || answers=$((answers + 1))
    limited $kilobytes $threads "$symo" train classifier --data digits --net 64-8-10 --steps 3 \
      --overwrite --out r
    [ $status -eq 0 ] || [ $status -eq 5 ] || fail "train, $kilobytes kB: exit $status: $(cat err)"
    limited $kilobytes 1 "$symo" train classifier --data digits --net 64-8-10 --steps 3 --threads 8 \
      --overwrite --out r
    [ $status -eq 0 ] || [ $status -eq 5 ] || fail "8 threads, $kilobytes kB: exit $status: $(cat err)"
  done
done
[ $answers -ge 4 ] || fail "only $answers answers"

if [ -x "${BUILD:-}/examples/quickstart" ]; then
  limited 150000 1 "$BUILD/examples/quickstart"
  [ $status -ne 124 ] && [ $status -ne 0 ] || fail "quickstart: exit $status"
fi

[ $failures -eq 0 ] || exit 1
echo "limits are kept"
