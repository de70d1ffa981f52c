#!/usr/bin/env bash
# symo symmetries from outside: what it prints and writes, the documented example, refusals.
set -u
test=symmetries
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
examples=$root/experiments/examples

# finds TEXT ARGUMENTS...: succeeds without a word on stderr, and the output holds TEXT.
finds() {
  local text=$1
  shift
  "$symo" symmetries "$@" >out 2>err </dev/null || fail "symmetries $*: exit $?: $(cat err)"
  [ -s err ] && fail "symmetries $*: something on stderr: $(cat err)"
  grep -qF -- "$text" out || fail "symmetries $*: no \"$text\" in: $(cat out)"
}

# ---- what it finds ----

finds 'h1: signed-permutation 64;' --net 20-64-5
finds 'h1: orthogonal 64;' --net 20-64-5 --act linear
finds 'because  a1: relu is positively homogeneous' --net 20-64-5 --act relu
finds 'besides  scaling: incoming weights' --net 20-64-5 --act relu
finds 'w1[h1,in] w2[out,h1*]' --net 20-64-5 --act relu --no-bias --scaling 1.5
finds 'wh[h,h]' --net rnn:8-16-4
finds 'attn.qk: wreath(4, orthogonal 8)' --graph "$examples/graph-gpt-block.json"
finds 'w3[y,c1,y.p]' --graph "$examples/graph-conv.json"

# As docs/graphs.md shows it.
"$symo" symmetries --graph "$examples/graph-rnn.json" >out
sed -n '/^    \$ symo symmetries --graph .*graph-rnn/,/^## /p' "$root/docs/graphs.md" |
  sed -e 1d -e '/^## /d' -e 's/^    //' >expected
diff -B out expected >difference || fail "docs/graphs.md shows something else: $(cat difference)"

# ---- files and JSON ----

for graph in "$examples"/graph-*.json; do
  finds 'spaces' --graph "$graph" --out layout.json
  "$symo" layout --layout layout.json >out || fail "$graph: the layout is refused"
  "$symo" symmetries --graph "$graph" --json --out again.json >one.json || fail "$graph: --json"
  "$symo" symmetries --graph "$graph" --json >two.json
  cmp -s one.json two.json || fail "$graph: not the same bytes twice"
  cmp -s layout.json again.json || fail "$graph: not the same layout twice"
done
for key in '"spaces"' '"layout"' '"reasons"' '"axes"' '"group"' '"parameters"' '"together"'; do
  grep -q "$key" one.json || fail "--json: no $key"
done
"$symo" symmetries --net 6-5-3 --act relu --scaling 1 --out layout.json >out
grep -q '"group": "scaling", "window": 1' layout.json || fail "no scaling in $(cat layout.json)"
"$symo" layout --layout layout.json >out || fail "the layout with scaling is refused"

# ---- refusals ----

fails 2 '--net: is missing' symmetries
fails 2 '--graph: given together with --net' symmetries --net 6-5-3 --graph x.json
fails 2 '--act: means nothing with --graph' symmetries --graph x.json --act relu
fails 2 '--no-bias: means nothing with --graph' symmetries --graph x.json --no-bias
fails 2 '--net: ' symmetries --net 6
fails 2 '--scaling: 0 is out of range' symmetries --net 6-5-3 --scaling 0
fails 4 'x.json' symmetries --graph x.json
fails 4 'no/such' symmetries --net 6-5-3 --out no/such/layout.json
echo '{"nodes": [{"op": "dnse"}]}' >bad.json
fails 3 'bad.json: nodes[0].op: unknown operation "dnse"' symmetries --graph bad.json
fails 3 'did you mean "dense"?' symmetries --graph bad.json
sed 's/"in": 128/"in": 127/' "$examples/graph-gpt-block.json" >bad.json
fails 3 'nodes[10] (dense down): axis 1 of gelu has dimension 128, but "in" says 127' \
  symmetries --graph bad.json
head -c 500 "$examples/graph-gpt-block.json" >bad.json
fails 3 'bad.json: line' symmetries --graph bad.json

[ "$failures" -eq 0 ]
