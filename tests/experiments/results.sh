#!/usr/bin/env bash
# docs/results holds text, tables and pictures under 200 KiB; the scripts stand in experiments/results,
# parse, and name files that exist.
set -euo pipefail
cd "$SOURCE"
fail() { echo "$*" >&2; exit 1; }

while read -r file; do
  case $file in
  *.md | *.txt | *.tsv | *.json | *.jsonl) ;;
  *.png | *.svg) [ "$(wc -c <"$file")" -le 204800 ] || fail "$file is above 200 KiB" ;;
  *) fail "$file is no text, table or picture" ;;
  esac
done < <(find docs/results -type f)

scripts=(experiments/results/*.sh)
[ ${#scripts[@]} -ge 5 ] || fail "no scripts in experiments/results"
for script in "${scripts[@]}"; do
  bash -n "$script"
  # shellcheck disable=SC2016 # the text, not the variable
  for python in $(grep -o '\$here/[a-z-]*\.py' "$script" | sed 's|.*/||' | sort -u); do
    [ -f "experiments/results/$python" ] || fail "$script: no $python"
  done
done
for script in $(grep -o 'experiments/results/[a-z-]*\.[a-z]*' docs/results/README.md | sort -u); do
  [ -f "$script" ] || fail "docs/results/README.md: no $script"
done

# One result made again by its script, in a copy of the tree's documents.
command -v gnuplot >/dev/null || exit 0
mkdir -p "$WORK/experiments" "$WORK/docs"
cp -r experiments/results "$WORK/experiments/"
cp -r docs/results "$WORK/docs/"
SYMO=$SYMO "$WORK/experiments/results/run.sh" depth >"$WORK/log" 2>&1 || fail "$(tail -n 3 "$WORK/log")"
cmp <(sed 's/  *[0-9.e-]*$//' docs/results/depth/output.txt | head -n 3) \
  <(sed 's/  *[0-9.e-]*$//' "$WORK/docs/results/depth/output.txt" | head -n 3)
