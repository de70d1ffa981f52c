#!/usr/bin/env bash
# Which groups are symmetries of a trained transformer, and which are not:
#   ./experiments/results/gpt-verify.sh CHECKPOINT TEXT [OPTIONS]
# CHECKPOINT: of symo train gpt; TEXT: what it was trained on; OPTIONS of symo verify go before ours
# (--examples 64 --samples 4 where there are none).  SYMO: the command.  Trains nothing.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
checkpoint=$1 text=$2
shift 2
options=("$@")
[ $# -gt 0 ] || options=(--examples 64 --samples 4)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# claim POINT TEXT GROUPS: the command and its table.  POINT: options for the weights; TEXT: what is
# claimed.  Both answers of the command are answers.
claim() {
  local point=$1 said=$2 groups=$3 status=0
  # shellcheck disable=SC2206 # words
  local where=($point)
  "$symo" verify "${where[@]}" --data "$text" --groups "$groups" "${options[@]}" \
    >"$work/out" 2>"$work/err" || status=$?
  [ $status -le 1 ] || { cat "$work/err" >&2; exit $status; }
  [ "${#groups}" -lt 200 ] || groups="LAYOUT"
  printf '\n%s\n$ symo verify %s --data %s --groups "%s" %s\n' "$said" \
    "${point//"$checkpoint"/"$(basename "$checkpoint")"}" "$(basename "$text")" "$groups" \
    "${options[*]}"
  sed -n '/^  space/,/^$/p' "$work/out" | sed '/^$/d'
  grep -o '^PASS\|^FAIL' "$work/out" | sort -u
}

# ---- sizes ----
"$symo" verify --weights "$checkpoint" --data "$text" --groups identity --examples 1 --json \
  >"$work/json"
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$work/json" | head -n 1; }
net=$(field net)
size() { echo "$net" | sed -n "s/^gpt:\(.*-\)\{0,1\}$1\([0-9]*\).*/\2/p"; }
v=$(size v) t=$(size t) c=$(size c) h=$(size h) l=$(size l) f=$(size f)
f=${f:-$((4 * c))} d=$((c / h))
random="--net $net --act $(field activation)"

# layout BIAS EMBD GAIN QK QUERY KEY: short notation with the groups of the residual stream and of
# query and key in a head, and where gains and the biases of query and key are: their own spaces (embd,
# qk<i>) or `rest`, `still<i>`, which do not move.
layout() {
  local bias=$1 embd=$2 gain=$3 qk=$4 query=$5 key=$6 i p
  echo "block: identity $t; vocab: identity $v; embd: $embd $c; rest: identity $c;"
  for ((i = 0; i < l; i++)); do
    echo "heads$i: identity $h; still$i: identity $d; qk$i: $qk $d; mlp$i: identity $f;"
  done
  echo "wte.weight[vocab,embd] wpe.weight[block,embd]"
  for ((i = 0; i < l; i++)); do
    p="h.$i"
    echo "$p.ln_1.weight[$gain]"
    [ "$bias" = false ] || echo "$p.ln_1.bias[embd]"
    echo "$p.attn.q.weight[heads$i,qk$i,embd] $p.attn.k.weight[heads$i,qk$i,embd]"
    echo "$p.attn.v.weight[heads$i,still$i,embd]"
    [ "$bias" = false ] || echo "$p.attn.q.bias[heads$i,$query$i] $p.attn.k.bias[heads$i,$key$i]" \
      "$p.attn.v.bias[heads$i,still$i]"
    echo "$p.attn.c_proj.weight[embd,heads$i,still$i]"
    [ "$bias" = false ] || echo "$p.attn.c_proj.bias[embd]"
    echo "$p.ln_2.weight[$gain]"
    [ "$bias" = false ] || echo "$p.ln_2.bias[embd]"
    echo "$p.mlp.c_fc.weight[mlp$i,embd]"
    [ "$bias" = false ] || echo "$p.mlp.c_fc.bias[mlp$i]"
    echo "$p.mlp.c_proj.weight[embd,mlp$i]"
    [ "$bias" = false ] || echo "$p.mlp.c_proj.bias[embd]"
  done
  echo "ln_f.weight[$gain]"
  [ "$bias" = false ] || echo "ln_f.bias[embd]"
  case $net in *untied*) echo "lm_head.weight[vocab,embd]" ;; esac
}

# ---- claims ----
trained="--weights $checkpoint" bias=$(field bias)
echo "$net, $(field activation), biases: $bias, $(field parameters) parameters, trained"

claim "$trained" "Heads, one rotation in all heads (query-key, value-output), hidden units: exact." \
  "heads=permutation; qk=orthogonal; vo=orthogonal; mlp=permutation"
each=$(for ((i = 0; i < h; i++)); do printf ', orthogonal %s' "$d"; done)
claim "$trained" "A rotation of its own in each head: exact." \
  "qk=sum(${each#, }); vo=sum(${each#, }); mlp=identity"
claim "$trained" "Heads that move in query and key alone, or in value and output alone: no symmetry." \
  "qk=wreath($h, permutation $d); vo=wreath($h, permutation $d); mlp=identity"
claim "$trained" "Rotations across heads: no symmetry." "qk=orthogonal; vo=identity; mlp=identity"
claim "$trained" "Signs of hidden units, which GELU tells apart: no symmetry." \
  "qk=identity; vo=identity; mlp=signed-permutation"
claim "$trained" "Rotations of hidden units: no symmetry." "qk=identity; vo=identity; mlp=orthogonal"
none="qk=identity; vo=identity; mlp=identity"
claim "$trained" "Permutations of the residual stream, gains too: exact." "embd=permutation; $none"
claim "$trained" "Rotations of it, gains turned as vectors: no symmetry." "embd=orthogonal; $none"
claim "$trained" "The same, gains as they are (gains and centring are left): no symmetry." \
  "$(layout "$bias" orthogonal rest identity still still)"
claim "$trained" "Signs of the stream, gains as they are (centring alone is left): no symmetry." \
  "$(layout "$bias" sign-flip rest identity still still)"

# Without biases in the file: those of random weights.
point=$trained
if [ "$bias" = false ]; then
  point=$random
  printf '\nThe checkpoint has no biases: random weights of the same sizes with them.\n'
fi
claim "$point" "Query-key rotation, biases along with it: exact." \
  "$(layout true identity embd orthogonal qk qk)"
printf 'gradients by the biases of the keys are rounding; their own defects, relative to 1e-6 (f32:\n'
printf '1e-2) of the whole gradient:\n'
# shellcheck disable=SC2086 # words
"$symo" verify $point --data "$text" "${options[@]}" --json \
  --groups "$(layout true identity embd orthogonal qk qk)" | sed -n '/"joint"/,/^  }/p' |
  grep 'attn.k.bias' | sed 's/^ */  /; s/,$//'
claim "$point" "The bias of the key left behind: exact, softmax takes no notice of it." \
  "$(layout true identity embd orthogonal qk still)"
claim "$point" "The bias of the query left behind: no symmetry." \
  "$(layout true identity embd orthogonal still qk)"
