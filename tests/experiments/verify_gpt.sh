#!/usr/bin/env bash
# symo verify of transformers, and --weights: the point from a file, of verify and compare.
# shellcheck disable=SC2086 # commands split into words
set -u
test=verify_gpt
# shellcheck source=tests/support/command.sh
. "$(dirname "$0")/../support/command.sh"
export LC_ALL=C

works() {
  "$symo" "$@" >out 2>err </dev/null || fail "$*: exit $?: $(cat err) $(cat out)"
}
no() {
  local status
  "$symo" "$@" >out 2>err </dev/null
  status=$?
  [ $status -eq 1 ] || fail "$*: exit $status, not 1: $(cat err) $(cat out)"
}
row() { grep -qE "^  $1 .* $2 " out || fail "no row \"$1 ... $2\" in: $(cat out)"; }
has() { grep -qF -- "$1" out || fail "no \"$1\" in: $(cat out)"; }

# ---- random weights: which groups are exact ----
net="--net gpt:t8-c8-h2-l1 --data teacher --examples 6 --samples 3"
works verify $net # auto: space by space
for space in heads0 qk0 vo0 mlp0 'all together'; do row "$space" exact; done
works verify $net --no-bias --dtype f32
works verify $net --groups 'heads=permutation; qk=orthogonal; vo=orthogonal; mlp=permutation'
works verify $net --groups 'qk=sum(orthogonal 4, orthogonal 4); vo=identity; mlp=identity'
row qk0 exact
works verify $net --groups 'embd=permutation; qk=identity; vo=identity'
row embd exact
no verify $net --groups 'embd=orthogonal; qk=identity; vo=identity'
row embd wrong
row mlp0 exact
has 'FAIL: space embd: orthogonal is wrong'
no verify $net --groups 'mlp=signed-permutation; qk=identity; vo=identity' --init-scale 1
row mlp0 wrong
no verify $net --groups 'mlp=orthogonal; qk=identity; vo=identity' --init-scale 1
row mlp0 wrong
no verify $net --groups 'qk=wreath(2, permutation 4); vo=identity'
row mlp0 exact
has 'FAIL: space qk0'

# The bias of the key has no effect, so that its gradient is rounding: rotating it along or not is the
# same.  That of the query has one.
layout() { # layout QUERY KEY: where the biases are
  echo "block: identity 8; vocab: identity 8; embd: identity 8; heads: identity 2; qk: orthogonal 4;" \
    "still: identity 4; mlp: identity 32;" \
    "wte.weight[vocab,embd] wpe.weight[block,embd] h.0.ln_1.weight[embd] h.0.ln_1.bias[embd]" \
    "h.0.attn.q.weight[heads,qk,embd] h.0.attn.k.weight[heads,qk,embd]" \
    "h.0.attn.v.weight[heads,still,embd] h.0.attn.q.bias[heads,$1] h.0.attn.k.bias[heads,$2]" \
    "h.0.attn.v.bias[embd] h.0.attn.c_proj.weight[embd,heads,still] h.0.attn.c_proj.bias[embd]" \
    "h.0.ln_2.weight[embd] h.0.ln_2.bias[embd] h.0.mlp.c_fc.weight[mlp,embd]" \
    "h.0.mlp.c_fc.bias[mlp] h.0.mlp.c_proj.weight[embd,mlp] h.0.mlp.c_proj.bias[embd]" \
    "ln_f.weight[embd] ln_f.bias[embd]"
}
works verify $net --groups "$(layout qk qk)"
works verify $net --groups "$(layout qk still)"
row qk exact
no verify $net --groups "$(layout still qk)" --init-scale 0.5
row qk wrong

# ---- the point of a checkpoint ----
for line in 'to be or not to be' 'that is the question' 'whether tis nobler in the mind' \
  'to suffer the slings and arrows of outrageous fortune' 'or to take arms against a sea' \
  'of troubles and by opposing end them'; do
  echo "$line"
done >text.txt
echo 'to be or to be' >part.txt # has not all characters
works train gpt --data text.txt --n-layer 1 --n-head 2 --n-embd 8 --block-size 8 --batch-size 2 \
  --eval-iters 1 --max-iters 3 --warmup-iters 1 --eval-interval 3 --optimizer adamw --out run
file=run/checkpoint.safetensors
tokens=$(tr -d '\n' <text.txt | fold -w 1 | sort -u | wc -l)
tokens=$((tokens + 1)) # the line feed
for type in f32 f64; do
  works verify --weights $file --data part.txt --samples 2 --dtype $type
  has "gpt:v$tokens-t8-c8-h2-l1 gelu, tokens, no biases"
  has "weights of $file, seed 1"
  has "$type"
done
works verify --weights $file --data text.txt --examples 4 --samples 2
cp out one
works verify --weights $file --data text.txt --examples 4 --samples 2 --net gpt:t8-c8-h2-l1
cmp -s one out || fail "--net of the file is another: $(cat one out)"
works verify --weights $file --data text.txt --examples 4 --samples 2 --act relu --json
for key in '"activation": "relu"' '"bias": false' "\"weights\": \"$file\"" '"init_scale": null'; do
  has "$key"
done
works verify --weights $file --data teacher --examples 4 --samples 2

# The loss is that of the parameters, in every form: the file's, its export's, and by the layout's names.
loss() { sed -n 's/.*"loss": \([0-9.e+-]*\).*/\1/p' out | head -n 1; }
same() { # same A B: to the rounding of float32
  awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a > 0 && d * d <= 1e-10 * a * a) }' ||
    fail "loss $1 is not $2"
}
works verify --weights $file --data text.txt --examples 4 --samples 1 --json
first=$(loss)
works verify $net --json
[ "$first" != "$(loss)" ] || fail "the file has no effect"
works compare --weights $file --data text.txt --examples 4 --no-plots --out c
has "weights of $file, seed 1: loss"
grep -q '"init_scale": null' c/results.json || fail "compare: weights are not said"
works verify --weights c/theta.safetensors --net gpt:v$tokens-t8-c8-h2-l1 --no-bias --data text.txt \
  --examples 4 --samples 1 --json
same "$(loss)" "$first"
works export --checkpoint $file --out hf.safetensors --format hf
works verify --weights hf.safetensors --data text.txt --examples 4 --samples 1 --json
has '"bias": true'
same "$(loss)" "$first"

# ---- other networks ----
works compare --data teacher --net 3-6-2 --examples 20 --no-plots --out d --train-steps 5
works verify --data teacher --net 3-6-2 --examples 20 --train-steps 5
sed -n 's/.*\(loss .*\)/\1/p' out | head -n 1 >one
works verify --data teacher --net 3-6-2 --examples 20 --weights d/theta.safetensors
sed -n 's/.*\(loss .*\)/\1/p' out | head -n 1 >two
cmp -s one two || fail "another point: $(cat one two)"
works compare --data teacher --net 3-6-2 --examples 20 --weights d/theta.safetensors --no-plots \
  --out e --dtype f32 --sweep groups --sweep-values sign-flip,permutation

# ---- refused ----
own="--data teacher --net 3-6-2 --weights d/theta.safetensors"
fails 2 '--init-scale: means nothing with --weights' verify $own --init-scale 1
fails 2 '--train-steps: means nothing with --weights' compare $own --train-steps 3 --out f
fails 2 '--sweep: with --weights' compare $own --sweep scale --out f
fails 3 'tensor b1: the network has no such tensor' verify $own --no-bias
fails 3 'tensor w3 is missing' verify --data teacher --net 3-6-2-2 --weights d/theta.safetensors
fails 3 'shape' verify --data teacher --net 3-5-2 --weights d/theta.safetensors
fails 4 'nowhere' verify --weights nowhere --data teacher
fails 4 'nowhere' verify --weights nowhere --net 3-6-2 --data teacher
fails 3 'text.txt' verify --weights text.txt --data teacher
fails 3 'width: 8, and the network has 4' verify --weights $file --data text.txt --net gpt:t8-c4-h2-l1
fails 3 'blocks: 1, and the network has 2' verify --weights $file --data text.txt --net gpt:t8-c8-h2-l2
fails 3 'has biases' verify --weights hf.safetensors --data text.txt --no-bias
fails 3 "'digits' has no tokens" verify --weights $file
fails 2 'a transformer has that of tokens' verify --weights $file --data text.txt --loss mse
echo 'To be' | cat - text.txt >other.txt
fails 3 'other.txt' verify --weights $file --data other.txt
fails 3 'missing' verify --weights $file --data teacher --net 3-6-2
fails 2 '--weights: means nothing with --layout' verify --weights $file --layout 'h: identity 2; w[h]'

[ $failures -eq 0 ]
