#!/usr/bin/env bash
# What the tests reached: coverage.sh BUILD-DIRECTORY, after a run of a build with --coverage.
# With gcovr a table, else the totals of gcov.  Counted are the sources and kernels (.c, .inc) of
# every folder that was built, also those that nothing reached, but for tests and examples.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: tests/coverage.sh BUILD-DIRECTORY" >&2; exit 2; }
cd "$(dirname "$0")/.."
objects=$(cd "$1/obj" && pwd)
folders=$(find "$objects" -mindepth 1 -maxdepth 1 -type d ! -name tests -printf '%f\n' | sort)
folders="(${folders//$'\n'/|})/"

if command -v gcovr >/dev/null; then
  gcovr --root . --filter "$folders.*\.(c|inc)$" --exclude 'experiments/examples/' --txt \
    --print-summary --gcov-ignore-parse-errors "$objects"
  exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$PWD
cd "$scratch"
find "$objects" -name '*.gcno' ! -path "$objects/tests/*" ! -path '*/experiments/examples/*' \
  -exec gcov --source-prefix "$root" --relative-only {} + 2>/dev/null |
  awk -v wanted="^$folders.*[.](c|inc)$" '
    /^File / { file = $2; gsub("\047", "", file); seen = 0 }
    /^Lines executed:/ && file != "" && !seen {
      split($2, part, /[:%]/); lines = $NF
      if (file ~ wanted) {
        printf "%6.1f %% of %5d  %s\n", part[2], lines, file
        total += lines; hit += lines * part[2] / 100
      }
      seen = 1; file = ""
    }
    END { if (total > 0) printf "%6.1f %% of %5d lines in all\n", 100 * hit / total, total }'
