#!/usr/bin/env bash
# What the README promises: files it links to are there, the C programs in it compile, link and run,
# the blocks of shell commands run, the scripts and make targets it names exist.
# Environment: SOURCE, BUILD (with libsymo.a and symo), SYMO, CC, WORK (an empty directory).
set -euo pipefail
cd "$SOURCE"
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

awk -v out="$WORK" '
  /^```c$/ { n++; on = 1; next }
  /^```/ { on = 0 }
  on { print > (out "/block" n ".c") }' README.md
for block in "$WORK"/block*.c; do
  [ -e "$block" ] || continue
  grep -q 'int main' "$block" || continue
  if ! "$CC" "${flags[@]}" "$block" "$BUILD/libsymo.a" "${libs[@]}" -o "$WORK/program"; then
    complain "$(basename "$block") does not compile"
  elif ! (cd "$WORK" && ./program >program.out); then
    complain "$(basename "$block") does not run"
  fi
done

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
  ln -s "${SYMO:-$BUILD/symo}" "$WORK/clone/build/symo"
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

# Commands with files stand in those blocks; elsewhere they would need files that nobody has.
grep -nE '^    symo .*(safetensors|L\.json)' README.md && complain "commands outside of the blocks that run"

while read -r name; do
  grep -qE "^  ([a-z -]*\| )*$name( \| [a-z -]*)*\)" bootstrap || complain "names ./bootstrap $name, which is not there"
done < <(grep -oE '\./bootstrap [a-z]+' README.md | awk '{ print $2 }' | sort -u)
while read -r name; do
  grep -qE "^([a-z -]* )?$name( [a-z -]*)?:" Makefile ||
    complain "names make $name, which is not there"
done < <(grep -oE '(^ *(\$ )?|`)make [a-z-]+' README.md | sed 's/.*make //' | sort -u)

# The diff that CONTRIBUTING shows is the one there was; rows of tests/extend are checked by extend.sh.
while IFS= read -r line; do
  grep -qxF -- "$line" groups/forms/cyclic.c groups/group.h ||
    grep -qF -- "${line#  }" tests/extend/rows ||
    complain "CONTRIBUTING.md adds \"$line\", which is in neither file"
done < <(sed -n 's/^    +//p' CONTRIBUTING.md | grep -v '^++')
while read -r file lines; do
  [ "$(wc -l <"$file")" -eq "$lines" ] || complain "CONTRIBUTING.md: $file has not $lines lines"
done < <(sed -n 's/^     \([a-z_/]*cyclic\.c\) *| *\([0-9]*\) .*/\1 \2/p' CONTRIBUTING.md)
exit $bad
