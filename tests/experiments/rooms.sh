#!/usr/bin/env bash
# Every folder with sources has a README of at most 15 lines that says what lives there, what it may
# include and where to start; files and folders named in it exist, and so do those that
# docs/architecture.md and CONTRIBUTING.md name.
set -euo pipefail
cd "$SOURCE"
faults=0
complain() { echo "$*" >&2; faults=$((faults + 1)); }

# Backticked names with a slash at the end or a suffix of ours, as they stand from folder $1 or the root.
named() {
  grep -o '`[A-Za-z0-9_./*-]*`' "$2" | tr -d '`' | grep -E '(/|\.(c|h|sh|py|md|json))$' | sort -u |
    while read -r name; do
      case $name in *NAME* | /* | .* | run.json | config.json) continue ;; esac
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
[ $faults -eq 0 ] || { echo "$faults faults" >&2; exit 1; }
