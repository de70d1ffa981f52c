#!/usr/bin/env bash
# The manual: links of all texts lead somewhere, to files and to headings; every block of code in docs/
# compiles and runs (Python's in python/tests), in the order of the chapter, and prints what stands behind it;
# where Doxygen is installed, the site is made without undocumented functions and types.
# Environment: SOURCE, BUILD, SYMO, CC, WORK.
set -u
cd "$SOURCE" || exit 1
faults=0
complain() { echo "$*"; faults=$((faults + 1)); }

# ---- links ----
# The anchors of a text, as they are made of headings: letters, digits, dashes for blanks.
anchors() { sed -n '/^```/,/^```/d; s/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'; }
links=0
while IFS=: read -r text target; do
  links=$((links + 1))
  file=${target%%#*} anchor=
  [ "$file" = "$target" ] || anchor=${target#*#}
  path=$text
  [ -z "$file" ] || path=$(dirname "$text")/$file
  if [ ! -e "$path" ]; then
    complain "$text: links to $file, which is not there"
  elif [ -n "$anchor" ] && ! anchors "$path" | grep -qx -- "$anchor"; then
    complain "$text: there is no heading #$anchor in $path"
  fi
done < <(for text in *.md docs/*.md docs/manual/*.md docs/results/README.md python/README.md; do
  sed '/^```/,/^```/d; s/`[^`]*`//g' "$text" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' |
    grep -vE '^[a-z]+:' | sed "s|^|$text:|"
done)
[ $links -gt 80 ] || complain "only $links links were found"

# ---- blocks ----
# blocks FILE FOLDER: its blocks as NUMBER.LANGUAGE.
blocks() {
  awk -v out="$2" '/^```/ { if (on) on = 0; else { on = 1; n++; name = out "/" sprintf("%02d", n) "." (length($0) > 3 ? substr($0, 4) : "none") } next }
    on { print > name }' "$1"
}
flags=(-std=c11 -Wall -Wextra -Wpedantic -Werror "-I$SOURCE/include")
libraries=(-lgsl -llapacke -lopenblas -ljansson -lm -pthread)
if [ "$(uname -s)" = Darwin ]; then
  libraries=("-L$(brew --prefix openblas)/lib" -lgsl -lopenblas -ljansson -lm)
fi
mkdir "$WORK/bin"
ln -s "${SYMO:-$BUILD/symo}" "$WORK/bin/symo"
export SYMO_TEXT=$SOURCE/README.md PATH=$WORK/bin:$PATH
unset SYMO_DATA
run=0
while read -r text; do
  room=$WORK/$(echo "$text" | tr / _)
  mkdir -p "$room/work" "$room/blocks"
  blocks "$text" "$room/blocks"
  printed=
  for block in "$room"/blocks/*; do
    [ -e "$block" ] || continue
    name="$text, block $(basename "$block")"
    case $block in
    *.c)
      printed=$room/printed
      if ! "$CC" "${flags[@]}" "$block" "$BUILD/libsymo.a" "${libraries[@]}" -o "$room/program" 2>"$room/log"; then
        complain "$name does not compile: $(head -n 3 "$room/log")"
      elif ! "$room/program" >"$printed" 2>&1; then
        complain "$name does not run: $(tail -n 2 "$printed")"
      fi
      run=$((run + 1))
      ;;
    *.sh)
      printed=$room/printed
      (cd "$room/work" && bash -eu "$block") >"$printed" 2>&1 </dev/null || complain "$name ends with $?: $(tail -n 3 "$printed")"
      run=$((run + 1))
      ;;
    *.text) # its lines stand in what the block before printed
      while read -r line; do
        grep -qF -- "$line" "$printed" || complain "$name: \"$line\" is not printed by the block before, but: $(head -n 5 "$printed")"
      done <"$block"
      ;;
    *.python) ;; # python/tests/test_docs.py
    *) complain "$name: blocks are c, sh, python, or text, which the block before prints" ;;
    esac
  done
done < <(ls docs/*.md docs/manual/*.md)
[ $run -ge 10 ] || complain "only $run blocks ran"

# ---- the site ----
if command -v doxygen >/dev/null; then
  if ! env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS "${MAKE:-make}" -s BUILD="$WORK/site" docs >"$WORK/log" 2>&1; then
    complain "make docs: $(grep -v '^make' "$WORK/log" | head -n 8)"
  else
    site=$WORK/site/docs/html
    for page in index.html optim_8h.html hessian_8h.html; do
      [ -s "$site/$page" ] || complain "the site has no $page"
    done
    grep -q 'symo_optim_step' "$site"/optim_8h.html || complain "the site does not document symo_optim_step"
    # Every function that is exported is documented there.
    grep -o 'symo_[a-z0-9_]*@SYMO' packaging/debian/libsymo0.symbols | sed 's/@.*//' |
      grep -vE '^symo_(curvature|solver|damping|precondition)_' | sort -u >"$WORK/exported"
    grep -ohE 'symo_[a-z0-9_]+ *\(\)' "$site"/globals_func*.html "$site"/*_8h.html | sed 's/ *()//' | sort -u >"$WORK/documented"
    missing=$(comm -23 "$WORK/exported" "$WORK/documented" | head -n 5)
    [ -z "$missing" ] || complain "not on the site: $missing"
    # Links within the site.
    grep -ohE 'href="[^"#:]+\.html' "$site"/*.html | sed 's/href="//' | sort -u | while read -r page; do
      [ -e "$site/$page" ] || echo "$page"
    done >"$WORK/dead"
    [ ! -s "$WORK/dead" ] || complain "dead links on the site: $(head -n 3 "$WORK/dead")"
  fi
else
  echo "doxygen is not installed: make docs was not tried"
fi
[ $faults -eq 0 ] || { echo "$faults faults"; exit 1; }
echo "$links links and $run blocks hold"
