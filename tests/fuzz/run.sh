#!/usr/bin/env bash
# run.sh TARGET...: each under libFuzzer for FUZZ_SECONDS, FUZZ_JOBS at once; with FUZZ_RUNS in rounds,
# until each has been executed so often in all.  A line each; the same goes to $BUILD/executions.txt
# (target, executions, seconds of the processor, outcome), which is what totals are counted from: a
# campaign that is interrupted goes on where it was.  The exit status is 1 where one found something; what it found lies
# in $BUILD/found, and that target is left out of further rounds.
# run.sh --merge TARGET...: inputs that reach nothing of their own leave $BUILD/corpus.
# run.sh --table: executions in all, by second of the processor, and findings.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$BUILD" && pwd) || exit 2
found=$build/found
account=$build/executions.txt
seconds=${FUZZ_SECONDS:-60}
wanted=${FUZZ_RUNS:-0}
jobs=${FUZZ_JOBS:-1}
mkdir -p "$found" && touch "$account" || exit 2
export OPENBLAS_NUM_THREADS=1 LC_ALL=C
# A small quarantine stays in the cache, and short stacks are quickly taken.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1:quarantine_size_mb=4:malloc_context_size=6
export ASAN_OPTIONS=$ASAN_OPTIONS:thread_local_quarantine_size_kb=64

# total TARGET: its executions so far.
total() { awk -v name="$1" '$1 == name { n += $2 } END { printf "%d\n", n }' "$account"; }

# count LOG: what libFuzzer says at its end, or where it was killed, what it had said last.
count() {
  local n
  n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$1" | tail -n 1)
  [ -n "$n" ] || n=$(sed -n 's/^#\([0-9][0-9]*\).*/\1/p' "$1" | tail -n 1)
  echo "${n:-0}"
}

# fuzz TARGET: for the seconds, or the executions that are left.
fuzz() {
  local target=$1 runs=-1 log=$found/$1.log corpus=$build/corpus/$1 code executions used
  mkdir -p "$corpus"
  [ "$wanted" -eq 0 ] || runs=$((wanted - $(total "$target")))
  cd "$found" || return 2
  "$build/fuzz-$target" -max_total_time="$seconds" -runs="$runs" -timeout=20 -rss_limit_mb=2048 \
    -max_len=4096 -dict="$here/words.dict" -artifact_prefix="$found/$target-" -print_final_stats=1 \
    -close_fd_mask=3 "$corpus" "$here/corpus/$target" >/dev/null 2>"$log" &
  trap 'kill -TERM $!' TERM INT
  wait $!
  code=$?
  trap '' TERM INT
  wait $! 2>/dev/null # where a signal has ended the first one
  executions=$(count "$log")
  times >"$log.times" # in a subshell there would be none
  used=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); n += 60 * part[1] + part[2] }
    printf "%.2f", n }' "$log.times")
  if [ $code -eq 0 ] || grep -q 'libFuzzer: run interrupted' "$log"; then
    echo "$target $executions $used nothing" >>"$account"
    echo "$target: $executions executions, nothing found ($(total "$target") in all)"
    return $((code > 0 ? 130 : 0))
  fi
  echo "$target $executions $used found" >>"$account"
  echo "$target: $executions executions, then: $(grep -m 1 -e 'ERROR: ' -e 'runtime error' -e '^tests/' "$log") ($log)"
  return 1
}

# A round: the targets given, some at once.  Those that go on are `left`.
status=0
interrupted=0
children=()
round() {
  local target at code names=()
  left=()
  children=()
  for target; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n; done
    [ $interrupted -eq 0 ] || return
    fuzz "$target" &
    children+=($!)
    names+=("$target")
  done
  for at in "${!children[@]}"; do
    until wait "${children[at]}"; code=$?; ! kill -0 "${children[at]}" 2>/dev/null; do :; done
    if [ $code -eq 1 ]; then
      status=1
    elif [ "$wanted" -gt "$(total "${names[at]}")" ]; then
      left+=("${names[at]}")
    fi
  done
}
stop() {
  interrupted=1
  status=130
  [ ${#children[@]} -eq 0 ] || kill -TERM "${children[@]}" 2>/dev/null
}

case ${1:-} in
--table)
  shift
  awk '{ n[$1] += $2; s[$1] += $3; f[$1] += ($4 == "found") }
    END { for (t in n) printf "%-16s %10d executions %8d by second of the processor %2d found\n", t, n[t],
      n[t] / (s[t] > 0 ? s[t] : 1), f[t] }' "$account" | sort
  exit
  ;;
--merge)
  shift
  for target; do
    corpus=$build/corpus/$target
    [ -d "$corpus" ] || continue
    rm -rf "$corpus.new" && mkdir "$corpus.new" || exit 2
    (cd "$found" && "$build/fuzz-$target" -merge=1 -timeout=20 -rss_limit_mb=2048 -close_fd_mask=3 \
      "$corpus.new" "$here/corpus/$target" "$corpus" >/dev/null 2>"$found/$target.merge.log") || exit 1
    echo "$target: $(ls "$corpus" | wc -l) inputs, $(ls "$corpus.new" | wc -l) are left"
    rm -rf "$corpus" && mv "$corpus.new" "$corpus" || exit 2
  done
  exit
  ;;
esac
trap stop TERM INT
left=()
for target; do
  [ "$wanted" -eq 0 ] || [ "$wanted" -gt "$(total "$target")" ] || continue
  left+=("$target")
done
while [ ${#left[@]} -gt 0 ] && [ $interrupted -eq 0 ]; do round "${left[@]}"; done
exit $status
