#!/usr/bin/env bash
# symo report: the page is well-formed and whole in itself, its numbers are those of the files, it tells
# curves apart without colour, and says command, version and seeds.
set -u
test=report
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"

well_formed() { # FILE
  if command -v xmllint >/dev/null; then
    xmllint --noout "$1" 2>err || fail "$1: $(head -n 3 err)"
  elif command -v python3 >/dev/null; then
    python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1" 2>err || fail "$1: $(tail -n 1 err)"
  fi
  grep -oE '(src|href)="[^d#][^"]*"' "$1" && fail "$1 needs another file"
  grep -qE '<(script|link|iframe)' "$1" && fail "$1 is not text and pictures alone"
  return 0
}

# report DIR: makes the page, twice, and looks at it.
report() {
  "$symo" report "$1" >out 2>err </dev/null || fail "report $1: $(cat err)"
  cp "$1/report.html" first
  "$symo" report "$1" --out second.html >/dev/null 2>err </dev/null || fail "report $1: $(cat err)"
  cmp -s first second.html || fail "report $1: not the same bytes twice"
  well_formed "$1/report.html"
}

# numbers FILE CAPTION: those in the cells of a table, in their order, as their digits differ.
numbers() {
  sed -n "/<caption>$2</,/<\/table>/p" "$1" | grep -oE 'data-value="[^"]*"' | sed 's/.*="//; s/"//' | canonical
}
canonical() { awk '{ if ($1 == "null") print; else printf "%.17g\n", $1 }'; }

# The text of a cell is its number with four digits.
shown_as_meant() {
  grep -oE 'data-value="[^"]*">[^<]*<' "$1" | sed 's/data-value="//; s/">/ /; s/<//' | awk '
    $1 == "null" { bad += $2 != "-"; next }
    $1 !~ /[.e]/ { n++; bad += $1 + 0 != $2 + 0; next }
    { n++; bad += sprintf("%.4g", $1) + 0 != $2 + 0 } END { exit !(n > 5 && bad == 0) }' ||
    fail "$1: cells show other numbers than they hold"
}

# ---- compare ----
"$symo" compare --net 64-3-10 --data digits --examples 40 --seeds 2 --out 'a <b> & "c"' >/dev/null 2>err ||
  fail "compare: $(cat err)"
mv 'a <b> & "c"' cmp
report cmp
shown_as_meant cmp/report.html
sed -n '/^  "estimators": \[/,/^  \]/p' cmp/results.json | grep -E '": (-?[0-9]|null)' | sed 's/.*": //; s/,$//' |
  canonical >expected
numbers cmp/report.html estimators >found
[ "$(wc -l <expected)" -gt 90 ] || fail "results.json has only $(wc -l <expected) numbers"
# The first table of that name is that of the whole; the runs follow.
head -n "$(wc -l <expected)" found | cmp -s - expected || fail "the table of estimators: $(diff found expected | head -n 5)"
loss=$(sed -n 's/^  "loss": \(.*\),/\1/p' cmp/results.json)
grep -q "<th scope=\"row\">loss</th><td class=\"n\" data-value=\"$loss\">" cmp/report.html || fail "no loss $loss"
grep -qF "symo compare --net 64-3-10 --data digits --examples 40 --seeds 2 --out 'a &lt;b&gt; &amp; &quot;c&quot;'" \
  cmp/report.html || fail "the command: $(grep -A2 '<pre>' cmp/report.html)"
grep -q '<th scope="row">seeds</th><td>1 2</td>' cmp/report.html || fail "no seeds"
grep -q "<th scope=\"row\">version</th><td>$("$symo" --version | sed -n '1s/symo //p')</td>" cmp/report.html ||
  fail "no version"
if [ -f cmp/cosines.svg ]; then # gnuplot drew
  for name in cosines spectra; do
    grep -oE "alt=\"$name.svg\" src=\"data:image/svg.xml;base64,[^\"]*" cmp/report.html | sed 's/.*base64,//' |
      base64 -d | cmp -s - cmp/$name.svg || fail "$name.svg is another inside the page"
  done
  grep -q 'alt="cosines.png"' cmp/report.html && fail "a picture stands there twice"
fi

# ---- train and sweep ----
train=(classifier --data digits --net 64-4-10 --eval-every 5 --threads 1)
"$symo" train "${train[@]}" --steps 40 --out run >/dev/null 2>err || fail "train: $(cat err)"
"$symo" train classifier --resume run --steps 60 >/dev/null 2>err || fail "resume: $(cat err)"
report run
shown_as_meant run/report.html
grep -E '": (-?[0-9])' run/summary.json | sed 's/.*": //; s/,$//' | canonical >expected
numbers run/report.html summary.json | cmp -s - expected || fail "summary: $(numbers run/report.html summary.json)"
[ "$(sed -n '/<pre>/,/<\/pre>/p' run/report.html | grep -c 'symo train')" -eq 2 ] || fail "not both commands"
last=$(sed -n '$s/.*"loss": \([^,]*\),.*/\1/p' run/metrics.jsonl)
grep -q "data-value=\"$last\"" run/report.html || fail "the last line of metrics.jsonl is not there"
grep -q '24 of the 61 lines' run/report.html && fail "more lines than there are" # 61 lines: every third, and the last
grep -qE '[0-9]+ of the 61 lines' run/report.html || fail "it does not say which lines"
[ "$(grep -c '<polyline' run/report.html)" -eq 4 ] || fail "not loss and val_loss, by step and second"
[ "$(grep -oE '<polyline[^>]*stroke-dasharray="[^"]*"' run/report.html | sed 's/.*dasharray=//' | sort -u | wc -l)" -eq 2 ] ||
  fail "curves differ by colour alone"

"$symo" sweep "${train[@]}" --steps 10 --grid optimizer=adamw,symo --grid lr=0.003,0.01 --seeds 2 --out sw \
  >/dev/null 2>err || fail "sweep: $(cat err)"
report sw
sed -n '/"points"/,$p' sw/sweep.json | grep -E '": -?[0-9]' | sed 's/.*": //; s/,$//' | canonical >expected
numbers sw/report.html points | cmp -s - expected || fail "sweep: $(numbers sw/report.html points | diff - expected | head -n 4)"
[ "$(grep -c '<polyline' sw/report.html)" -eq 4 ] || fail "not the best of two optimizers"
grep -q '<th scope="row">seeds</th><td>1 2</td>' sw/report.html || fail "sweep: no seeds"

# ---- its lines as CSV ----
"$symo" plot run sw --csv --out curves >/dev/null 2>err || fail "plot --csv: $(cat err)"
[ "$(wc -l <run/metrics.csv)" -eq 62 ] || fail "metrics.csv has $(wc -l <run/metrics.csv) lines"
[ "$(awk -F, '{ print NF }' run/metrics.csv | sort -u | wc -l)" -eq 1 ] || fail "lines of metrics.csv differ in length"
for key in loss val_loss gradient_norm optimizer_items.roots; do
  name=${key##*.}
  column=$(head -n 1 run/metrics.csv | tr , '\n' | grep -nx "$key" | cut -d: -f1)
  [ -n "$column" ] || { fail "metrics.csv has no column $key"; continue; }
  tail -n +2 run/metrics.csv | cut -d, -f"$column" | awk '{ printf $1 == "" ? "none\n" : "%.17g\n", $1 }' >found
  sed "s/.*[{ ]\"$name\": \([^,}]*\).*/\1/; t; s/.*/none/" run/metrics.jsonl |
    awk '{ printf $1 == "none" ? "none\n" : "%.17g\n", $1 }' >expected
  cmp -s found expected || fail "column $key of metrics.csv: $(diff found expected | head -n 3)"
done
[ "$(find sw -name metrics.csv | wc -l)" -eq 8 ] || fail "not every run has its metrics.csv"

# ---- what is read is any object: no figure is dropped ----
mkdir spectrum
echo '{"tensors": [{"name": "w<1>", "alpha": 0.1, "k_range": [1, 9], "in": {"p": null}}, {"name": "b", "phi": 3}]}' \
  >spectrum/spectrum.json
report spectrum
for cell in '<td>w&lt;1&gt;</td>' '<td class="n" data-value="0.1">0.1</td>' '<td>\[1,9\]</td>' '<th scope="col">in.p</th>' \
  '<td data-value="null">-</td>' '<td class="n" data-value="3">3</td>' 'the command is not known'; do
  grep -q "$cell" spectrum/report.html || fail "no $cell"
done
"$symo" report spectrum --json >out 2>err || fail "--json: $(cat err)"
grep -q '"report": "spectrum/report.html"' out || fail "--json: $(cat out)"

# ---- symo spectrum ----
for flag in '' --exponents; do
  # shellcheck disable=SC2086 # a flag or none
  "$symo" spectrum --net 6-4-3 --data teacher --examples 50 $flag --no-plots --out "s$flag" >/dev/null 2>err ||
    fail "spectrum: $(cat err)"
  report "./s$flag"
  grep -q '<pre>symo spectrum --net 6-4-3' "s$flag/report.html" || fail "spectrum $flag: no command"
  [ "$(grep -c '<table>' "s$flag/report.html")" -ge 3 ] || fail "spectrum $flag: $(grep -c '<table>' "s$flag/report.html") tables"
done

# ---- as a browser sees it, where there is one ----
browser=$(command -v chromium || command -v chromium-browser || true)
if [ -n "$browser" ]; then
  HOME=$work timeout 100 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
    --dump-dom "file://$work/cmp/report.html" >dom 2>/dev/null
  [ "$(grep -c '<tr>' dom)" -eq "$(grep -c '<tr>' cmp/report.html)" ] || fail "the browser sees other rows"
  grep -q parsererror dom && fail "the browser: $(grep parsererror dom | head -n 1)"
fi

fails 4 'no results.json' report .
fails 4 'nowhere' report nowhere
echo '{"a": ' >spectrum/spectrum.json
fails 3 'spectrum.json' report spectrum
echo '[1]' >spectrum/spectrum.json
fails 3 'must be an object' report spectrum
fails 4 'run' report run --out run
fails 2 'DIR is missing' report
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "symo report makes a page of each kind of run${browser:+, as a browser sees it}"
