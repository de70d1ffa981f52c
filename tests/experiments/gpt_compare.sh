#!/usr/bin/env bash
# symo compare, verify and symmetries of a transformer, from outside.
set -u
test=gpt_compare
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err)"
}

net="--net gpt:t4-c4-h2-l1-f5"

# ---- a chain of tokens ----
# shellcheck disable=SC2086 # words
works compare $net --data teacher --examples 6 --no-plots --out a --ggn
for name in results.json theta.safetensors grad.safetensors layout.json hessian.npy data-x.npy \
  data-y.npy; do
  [ -s "a/$name" ] || fail "no a/$name"
done
for key in '"net": "gpt:v8-t4-c4-h2-l1-f5"' '"activation": "gelu"' '"loss_function": "tokens"' \
  '"parameters": 201' '"qk0": "wreath(2, orthogonal 2)"' '"mlp0": "permutation"'; do
  grep -q -- "$key" a/results.json || fail "no $key in results.json"
done
for row in h-star-exact reynolds h-lr-exact h-lr h-probes h-star h-pd h-g h-g-bd covariance shampoo kfac identity diagonal \
  ggn fisher; do
  grep -q "^  $row " out || fail "no row $row in the table"
done
grep -q 'h.0.attn.c_proj.weight' a/layout.json || fail "no tensor names in layout.json"
# [6, 4] of both: one target at each position
size=$(wc -c <a/data-y.npy)
[ "$size" -eq "$(wc -c <a/data-x.npy)" ] || fail "data-y.npy holds no tokens"

# The layout that was written is one to take, and the same seed gives the same bytes.
# shellcheck disable=SC2086 # words
works compare --net gpt:v8-t4-c4-h2-l1-f5 --data teacher --examples 6 --no-plots --out b \
  --groups a/layout.json
cmp -s a/hessian.npy b/hessian.npy || fail "another Hessian with the same seed"

# ---- a text ----
for line in 'to be or not to be' 'that is the question' 'whether tis nobler'; do
  echo "$line"
done >text.txt
# shellcheck disable=SC2086 # words
works compare $net --data text.txt --examples 5 --no-bias --act gelu-tanh --dtype f32 --no-plots \
  --out c --groups 'qk=orthogonal; mlp=identity'
grep -q '"examples": 5' c/results.json || fail "not 5 windows"
grep -q '"qk0": "orthogonal"' c/results.json || fail "--groups by kind of space is lost"

# Heads as an axis of their own, and a layout that says so.
# shellcheck disable=SC2086 # words
{
  works compare $net --data teacher --examples 4 --no-plots --out h --groups 'heads=permutation'
  grep -q '"label": "exact"' h/results.json || fail "heads at once are not exact"
  works verify --net gpt:v8-t4-c4-h2-l1-f5 --data teacher --examples 4 --groups h/layout.json
  sed 's/"dim": 2, "group": "permutation"/"dim": 3, "group": "permutation"/' h/layout.json >wrong.json
  cmp -s h/layout.json wrong.json && fail "no heads in layout.json"
  fails 3 'has not the shape' verify --net gpt:v8-t4-c4-h2-l1-f5 --data teacher --groups wrong.json
}

# ---- which groups are exact ----
# shellcheck disable=SC2086 # words
works verify --net gpt:t4-c4-h1-l1-f5 --data teacher --examples 6
grep -q 'qk0  *orthogonal  *exact' out || fail "rotations of one head: $(cat out)"
# shellcheck disable=SC2086 # words
"$symo" verify $net --data teacher --examples 6 --groups 'qk=wreath(2, orthogonal 2)' >out 2>err &&
  fail "heads change places apart"
grep -q 'mlp0  *permutation  *exact' out || fail "hidden units: $(cat out)"

# ---- refused ----
# shellcheck disable=SC2086 # words
{
  fails 2 'a transformer has that of tokens' compare $net --loss mse
  fails 3 "'digits' has no tokens" compare $net --data digits --out d
  fails 2 'needs t, c, h and l' compare --net gpt:t4-c4-h2 --data teacher
  fails 3 'it has 5 tokens, the data have' compare --net gpt:v5-t4-c4-h2-l1 --data text.txt --out d
  fails 2 'no kind of space' compare $net --data teacher --groups 'head=permutation' --out d
  fails 3 'no window' compare --net gpt:t400-c4-h2-l1 --data text.txt --out d
  fails 2 'a transformer is not taken apart' symmetries $net
}

[ "$failures" -eq 0 ]
