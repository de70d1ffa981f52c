#!/usr/bin/env bash
# run.sh TARGET...: each under libFuzzer for FUZZ_SECONDS; a line each with how often it was run.  The
# exit status is 1 where one found something; what it found lies in $BUILD/found.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$BUILD" && pwd) || exit 2
found=$build/found
mkdir -p "$found"
export OPENBLAS_NUM_THREADS=1 LC_ALL=C ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
status=0
for target; do
  corpus=$build/corpus/$target
  mkdir -p "$corpus"
  log=$found/$target.log
  (cd "$found" && "$build/fuzz-$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=20 -rss_limit_mb=2048 \
    -max_len=4096 -dict="$here/words.dict" -artifact_prefix="$found/$target-" -print_final_stats=1 -close_fd_mask=1 \
    "$corpus" "$here/corpus/$target" >/dev/null 2>"$log")
  code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  if [ $code -eq 0 ]; then
    echo "$target: ${runs:-0} executions, nothing found"
  else
    status=1
    echo "$target: ${runs:-0} executions, then: $(grep -m 1 -e 'ERROR: ' -e 'runtime error' -e '^tests/' "$log") ($log)"
  fi
done
exit $status
