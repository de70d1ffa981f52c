#!/usr/bin/env bash
# Every folder with sources has a README of at most 15 lines that says what lives there, what it may
# include and where to start; files and folders named in it exist, and so do those that
# docs/architecture.md and CONTRIBUTING.md name.  Functions and types named in these texts exist, where
# a file stands behind them in that file; and what only some files may use, only they use.
set -euo pipefail
cd "$SOURCE"
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }

# Backticked names with a slash at the end or a suffix of ours, as they stand from folder $1 or the root.
named() {
  grep -o '`[A-Za-z0-9_./*-]*`' "$2" | tr -d '`' | grep -E '(/|\.(c|h|sh|py|md|json))$' | sort -u |
    while read -r name; do
      case $name in *NAME* | /* | .* | run.json | config.json | command.json | summary.json) continue ;; esac
      compgen -G "$1/$name" >/dev/null || compgen -G "$name" >/dev/null ||
        compgen -G "include/$name" >/dev/null || compgen -G "include/symo/$name" >/dev/null ||
        echo "$name"
    done
}

while read -r folder; do
  readme=$folder/README.md
  [ -f "$readme" ] || { complain "$folder has no README.md"; continue; }
  [ "$(wc -l <"$readme")" -le 15 ] || complain "$readme has more than 15 lines"
  grep -q '^\*\*Start\*\*' "$readme" || complain "$readme does not say where to start"
  while read -r name; do complain "$readme: there is no $name"; done < <(named "$folder" "$readme")
done < <(find core groups hessian optim io net cli experiments include/symo -name '*.[ch]' |
  sed 's|/[^/]*$||' | sort -u)
for text in docs/architecture.md CONTRIBUTING.md; do
  while read -r name; do
    case $name in
    */*) complain "$text: there is no $name" ;;
    *) [ -n "$(find core groups hessian optim io net cli experiments include tests docs -name "$name" -print -quit)" ] ||
      complain "$text: there is no $name" ;;
    esac
  done < <(named . "$text" | grep -v '^runs/\|safetensors')
done

# ---- functions and types ----

layers=(core groups hessian optim io net cli experiments)
identifier='[A-Za-z0-9]+(_[A-Za-z0-9]+)+' # words of one part are words of English
words=$(find "${layers[@]}" include tests python \( -name "*.py" -o -name '*.[ch]' -o -name '*.inc' \) -exec cat {} + | grep -oE "\b$identifier\b" | sort -u)
functions=0
while IFS=: read -r text name; do
  functions=$((functions + 1))
  grep -qx "$name" <<<"$words" || complain "$text: there is no $name"
done < <(grep -oHE "\`$identifier\`" README.md CONTRIBUTING.md docs/*.md ./*/README.md ./*/*/README.md |
  tr -d '\`' | sort -u)
while IFS=: read -r text pair; do
  functions=$((functions + 1))
  read -r name file <<<"$pair"
  [ ! -f "$file" ] || grep -qw "$name" "$file" || complain "$text: $file has no $name"
done < <(tr '\n' ' ' <docs/architecture.md | grep -oE '`[a-z_0-9]+` \(`[a-z_0-9/]+\.[ch]`' |
  tr -d '`(' | sed 's/^/docs\/architecture.md:/' | sort -u)
[ $functions -ge 50 ] || complain "only $functions functions are named"

# ---- who may do what (CONTRIBUTING.md, "Where things are") ----

# only WHAT PATTERN FILE...: no other file has a line with the pattern; CONTRIBUTING.md names the files.
only() {
  local what=$1 pattern=$2 found file
  shift 2
  found=$(grep -rlE --include='*.[ch]' --include='*.inc' "$pattern" "${layers[@]}" include | sort | tr '\n' ' ')
  [ "$found" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] || complain "$what: $found, not $*"
  for file in "$@"; do
    sed -n '/^## Where things are/,/^## To add/p' CONTRIBUTING.md | grep -qF "\`$file\`" ||
      complain "CONTRIBUTING.md does not say that $file may: $what"
  done
}
only 'calls of GSL' '#include <gsl' core/rng.c core/statistics.c
only 'calls of BLAS and LAPACK' '#include <(cblas|lapacke)' core/linalg.c
only 'buffers of OpenBLAS' 'blas_memory_alloc' core/reserve.c
only 'threads' 'pthread_create' core/pool.c
only 'calls of MPI' '#include <mpi' cli/ranks_mpi.c
for file in core/rng.c core/statistics.c; do
  for text in README.md core/README.md; do
    grep -qF "$(basename "$file")" $text || complain "$text does not say that $file calls GSL"
  done
done
beyond=$(grep -rlE --include='*.[ch]' '\b(f?printf|puts|putchar|exit|_exit|getenv|clock_gettime|time|isatty)\(' \
  "${layers[@]}" | grep -vE '^(cli|experiments)/' || true)
[ -z "$beyond" ] || complain "printing, exit, clock or environment below cli: $beyond"
[ $faults -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
