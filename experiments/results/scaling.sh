#!/usr/bin/env bash
# What docs/scaling.md says of GPT-2 124M to 70B on 8 to 4,096 processes: symo plan on their layouts.
# SYMO: the command.
set -euo pipefail
SYMO=${SYMO:-build/symo}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# layout NAME LAYERS WIDTH HEADS MLP VOCABULARY BLOCK: groups as symo train gpt has them.
layout() {
  local i
  printf 'block: identity %d; vocab: identity %d; embd: identity %d; ' "$7" "$6" "$3"
  for ((i = 0; i < $2; i++)); do
    printf 'qk%d: wreath(%d, orthogonal %d); vo%d: wreath(%d, orthogonal %d); mlp%d: permutation %d; ' \
      $i "$4" $(($3 / $4)) $i "$4" $(($3 / $4)) $i "$5"
  done
  printf 'wte[vocab, embd] wpe[block, embd] ln_f[embd]'
  for ((i = 0; i < $2; i++)); do
    printf ' h%d.q[qk%d, embd] h%d.k[qk%d, embd] h%d.v[vo%d, embd] h%d.o[embd, vo%d]' $i $i $i $i $i $i $i $i
    printf ' h%d.up[mlp%d, embd] h%d.down[embd, mlp%d] h%d.ln_1[embd] h%d.ln_2[embd]' $i $i $i $i $i $i
  done
  printf '\n'
}

plan() { # NAME LAYERS WIDTH HEADS MLP VOCABULARY BLOCK TOKENS
  layout "$@" >"$folder/layout.txt"
  for optimizer in symo soap; do
    echo "== $1, $optimizer, $8 tokens a step"
    "$SYMO" plan --layout "$(cat "$folder/layout.txt")" --set dtype=f32 --optimizer $optimizer --tokens "$8" \
      --ranks 8 --ranks 64 --ranks 512 --ranks 4096
  done
}

plan "GPT-2 124M" 12 768 12 3072 50257 1024 524288
plan "GPT-2 1.5B" 48 1600 25 6400 50257 1024 1048576
plan "7B" 32 4096 32 16384 32000 4096 4194304
plan "70B" 84 8192 64 32768 32000 4096 4194304
