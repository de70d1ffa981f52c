#!/usr/bin/env bash
# Makes docs/results/exponents: ./experiments/results/exponents.sh [NAME...]
# Spectral exponents (symo spectrum --exponents) of the networks below, untrained, early and trained, three
# seeds each: half an hour of one core.  Needs MNIST, Fashion-MNIST and tinyshakespeare.txt in $SYMO_DATA, and
# python3.  SYMO: the command; WORK: a folder to keep the runs in, of which those that are there are not made again.
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
here=$(cd "$(dirname "$0")" && pwd)
results=$here/../../docs/results/exponents
work=${WORK:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work" "$results"
results=$(cd "$results" && pwd)
cd "$work"
names=("$@")
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }

# NAME EXAMPLES EARLY TRAINED TASK OPTIONS...: one network, three seeds, three stages.
network() {
  local name=$1 examples=$2 early=$3 trained=$4 seed steps run
  shift 4
  wanted "$name" || return 0
  echo "\$ symo train $* --seed 1,2,3; steps 0, $early, $trained; $examples examples   ($name)" >"$name.command"
  for seed in 1 2 3; do
    run=$name-$seed
    for steps in 0 "$early" "$trained"; do
      [ ! -s "$run-$steps/exponents.json" ] || continue
      echo "$run, $steps steps" >&2
      if [ "$steps" = 0 ]; then
        "$symo" train "$@" --seed $seed --steps 0 --out "$run" --overwrite >/dev/null 2>"$run.log"
      else
        "$symo" train "$1" --resume "$run" --steps "$steps" >/dev/null 2>"$run.log"
      fi
      "$symo" spectrum --exponents --checkpoint "$run/checkpoint.safetensors" --examples "$examples" \
        --directions 32 --eigenvalues 8 --resamples 100 --seed $seed --out "$run-$steps" >/dev/null
    done
  done
}

adamw=(--optimizer adamw --lr 0.003)
network mlp-digits 400 50 1000 classifier --data digits --net 64-48-32-10 "${adamw[@]}"
network mlp-mnist 200 50 1000 classifier --data mnist --net 784-48-32-10 --act relu "${adamw[@]}"
network conv-mnist 100 50 1000 classifier --data mnist --net conv:28x28x1-c8k3-p2-c16k3-p2-c16k3-p7-10 \
  --act relu "${adamw[@]}"
network conv-fashion 100 50 1000 classifier --data fashion-mnist \
  --net conv:28x28x1-c8k3-p2-res-ln-c8k3-add-p2-ln-c16k3-p7-10 --act relu "${adamw[@]}"
network rnn-digits 200 50 1000 classifier --data digits --net rnn:8-24-24-10 "${adamw[@]}"
network gpt 8 100 1000 gpt --n-layer 2 --n-head 4 --n-embd 64 --block-size 64 --optimizer adamw

{
  for name in mlp-digits mlp-mnist conv-mnist conv-fashion rnn-digits gpt; do
    [ ! -f "$name.command" ] || cat "$name.command"
  done
  echo
  python3 "$here/exponents.py" "$work"
} >"$results/output.txt"
for name in conv-fashion gpt; do
  [ ! -f "$name-1-1000/alignment.png" ] || cp "$name-1-1000/alignment.png" "$results/$name.png"
done
