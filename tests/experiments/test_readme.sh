#!/usr/bin/env bash
# What the README promises: files it links to are there; the C programs in it are examples, compile, link
# and run; the blocks of shell commands run; figures are those of the outputs they come from; what there
# is, is named; the scripts and make targets it names exist.
# Environment: SOURCE, BUILD (with libsymo.a and symo), SYMO, CC, WORK (an empty directory).
set -euo pipefail
cd "$SOURCE"
symo=${SYMO:-$BUILD/symo}
[ -f README.md ] || { echo "no README.md"; exit 77; }

bad=0
complain() {
  echo "README.md: $*"
  bad=1
}

while read -r target; do
  [ -e "$target" ] || complain "links to $target, which is not there"
done < <(grep -o '](\([^)]*\))' README.md | sed -e 's/^](//' -e 's/)$//' -e 's/[#].*//' |
  grep -v -e '^[a-z]*:' -e '^$' | sort -u)

flags=(-std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude)
libs=(-lgsl -llapacke -lopenblas -ljansson -lm -pthread)
if [ "$(uname -s)" = Darwin ]; then
  libs=("-L$(brew --prefix openblas)/lib" -lgsl -lopenblas -ljansson -lm)
fi

# Every C block is an example word for word, and those that README links to are the others: each is
# compiled as a user would, and run.
awk -v out="$WORK" '
  /^```c$/ { n++; on = 1; next }
  /^```/ { on = 0 }
  on { print > (out "/block" n ".c") }' README.md
shown=()
for block in "$WORK"/block*.c; do
  program=''
  for example in experiments/examples/*.c; do
    cmp -s "$block" "$example" && program=$example
  done
  [ -n "$program" ] || complain "$(basename "$block") is no program of experiments/examples"
  shown+=("$program")
done
for program in step quickstart; do
  case " ${shown[*]} " in
  *" experiments/examples/$program.c "*) ;;
  *) complain "does not show experiments/examples/$program.c" ;;
  esac
done
while read -r program; do
  name=$(basename "$program" .c)
  if ! "$CC" "${flags[@]}" "$program" "$BUILD/libsymo.a" "${libs[@]}" -o "$WORK/$name"; then
    complain "$program does not compile"
  elif ! (cd "$WORK" && "./$name" >"$name.out"); then
    complain "$program does not run"
  fi
done < <({ printf '%s\n' "${shown[@]}"; grep -o '(experiments/examples/[a-z_]*\.c)' README.md | tr -d '()'; } |
  grep . | sort -u)

# The losses it shows are those of train_by_hand.  Means of 50 steps: where they differ between machines,
# it is by the rounding of exp and tanh in 300 steps, and 0.02 is less than what the methods differ by.
sed -n '/^    up to   symo   adam$/,/^$/s/^    //p' README.md >"$WORK/losses"
paste -d ' ' "$WORK/losses" "$WORK/train_by_hand.out" | awk '
  NR == 1 { same = $1 " " $2 " " $3 " " $4 == $5 " " $6 " " $7 " " $8; next }
  NF != 6 || $1 != $4 || ($2 - $5) ^ 2 > 4e-4 || ($3 - $6) ^ 2 > 4e-4 { same = 0 }
  END { exit !(same && NR == 7) }' || complain "shows other losses than train_by_hand prints"

# The group in JSON is read, and does what is said of it.
sed -n '/^    {"spaces"/,/^$/p' README.md >"$WORK/ring.json"
if ! "$symo" layout --layout "$WORK/ring.json" >"$WORK/ring.out" 2>&1 </dev/null ||
  ! grep -q complex "$WORK/ring.out"; then
  complain "the layout in JSON: $(tail -n 3 "$WORK/ring.out")"
fi

# The commands run in a small tree of sources, as if it were a fresh clone, with a text of other
# characters where texts are looked for.
mkdir "$WORK/other"
for _ in $(seq 2000); do echo abc; done >"$WORK/other/tinyshakespeare.txt"
awk -v out="$WORK" '
  /^```sh$/ { n++; on = 1; next }
  /^```/ { on = 0 }
  on { print > (out "/block" n ".sh") }' README.md
for block in "$WORK"/block*.sh; do
  [ -e "$block" ] || continue
  rm -rf "$WORK/clone"
  mkdir "$WORK/clone" "$WORK/clone/build"
  cp -R .gitignore Makefile README.md core include "$WORK/clone"
  ln -s "$symo" "$WORK/clone/build/symo"
  if ! (cd "$WORK/clone" && SYMO_DATA="$WORK/other" bash -eu "$block") \
    >"$WORK/block.out" 2>&1 </dev/null; then
    complain "$(basename "$block") does not run: $(tail -n 3 "$WORK/block.out")"
  fi
  # What the commands make is not to be committed.
  if command -v git >/dev/null; then
    left=$(cd "$WORK/clone" && git init -q . && git status --porcelain --untracked-files=normal |
      grep -vE ' (\.gitignore|Makefile|README\.md|core/|include/)$' || true)
    [ -z "$left" ] || complain "$(basename "$block") makes files that .gitignore does not name: $left"
  fi
done

# The numbers under the first picture are those in it.
for row in h-g shampoo kfac diagonal; do
  value=$(awk -v row="\"$row\"," '$1 == "\"name\":" { on = $2 == row }
    on && $1 == "\"cosine_abs_hessian\":" { printf "%.2f", $2; exit }' docs/results/digits/results.json)
  sed -n '/digits\/matrices.png/,/^## /p' README.md | grep -qF "$value" ||
    complain "the caption does not say $value, the cosine of $row"
done

# So are those of K-FAC: rows of an output over columns of steps, at step 10 and 100.
cosines() { # COLUMN -> "K-FAC against h-g-bd"
  awk -v column="$1" '/^cosine with \|H\(theta\)\|, over/ { on = 1 } /^relative/ { on = 0 }
    on && $1 ~ /^[0-9]/ { for (i = 1; i <= NF; i++) if ($i == column) at = i + 1 }
    on { value[$1] = $at } END { printf "(%.2f against %.2f)", value["kfac"], value["h-g-bd"] }' \
    docs/results/training/output.txt
}
for steps in 10 100; do
  sed -n '/^\*\*When a network/,/^$/p' README.md | grep -qF "$(cosines $steps)" ||
    complain "does not say $(cosines $steps), the cosines of K-FAC and h-g-bd after $steps steps"
done

# The table of what there is names every group, estimate and preset that the command has.
table=$(sed -n '/^## What there is/,/^## Licence/p' README.md)
"$symo" groups </dev/null | sed -n 's/^\([a-z-]*\): .*/\1/p' >"$WORK/groups"
"$symo" optimizers </dev/null | sed -n '/^Presets/,/^$/s/^  \([a-z-]*\) .*/\1/p' >"$WORK/presets"
"$symo" estimate --help </dev/null | tr -s ' \n' ' ' |
  sed -n 's/.* --estimator NAME [^:]*One of: \([a-z -]*\)\..*/\1/p' | tr ' ' '\n' | grep . >"$WORK/estimates"
for list in groups presets estimates; do
  [ "$(wc -l <"$WORK/$list")" -ge 5 ] || complain "the command names only $(wc -l <"$WORK/$list") $list"
done
cat "$WORK/groups" "$WORK/presets" "$WORK/estimates" >"$WORK/names"
while read -r name; do
  grep -qE "(^|[^a-z-])$name($|[^a-z-])" <<<"$table" || complain "\"What there is\" does not name $name"
done <"$WORK/names"

# Commands with files stand in those blocks; elsewhere they would need files that nobody has.
grep -nE '^    symo .*(safetensors|L\.json)' README.md && complain "commands outside of the blocks that run"

while read -r name; do
  grep -qE "^  ([a-z -]*\| )*$name( \| [a-z -]*)*\)" bootstrap || complain "names ./bootstrap $name, which is not there"
done < <(grep -oE '\./bootstrap [a-z]+' README.md | awk '{ print $2 }' | sort -u)
while read -r name; do
  grep -qE "^([a-z -]* )?$name( [a-z -]*)?:" Makefile ||
    complain "names make $name, which is not there"
done < <(grep -oE '(^ *(\$ )?|`)make [a-z-]+' README.md | sed 's/.*make //' | sort -u)
exit $bad
