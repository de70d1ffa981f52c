#!/usr/bin/env bash
# Makes docs/results/spectral-newton/alpha.txt, but for its last table: ./experiments/results/alpha.sh [autoencoder] [gpt] [conv]
# Spectral Newton with one exponent for all, with those that its authors have by kind of layer, and with alpha=auto, which
# measures them: as many rates for each on seed 1, three fresh seeds of the best.  Half an hour of one core.  Needs
# MNIST, Fashion-MNIST and tinyshakespeare.txt in $SYMO_DATA, and python3.  SYMO: the command; WORK: a folder to keep
# the runs in; PARTS: of fixed, types, auto, final.
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
here=$(cd "$(dirname "$0")" && pwd)
results=$(cd "$here/../../docs/results" && pwd)/spectral-newton
work=${WORK:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
sweep() { "$symo" sweep "${task[@]}" "${run[@]}" "$@" >/dev/null 2>sweep.log || { cat sweep.log >&2; exit 1; }; }
part() { [[ " ${PARTS:-fixed types auto final} " == *" $1 "* ]]; }

# NAME STEPS RATES: the task in $task and $run, the schedule of a preset in $decay, options of alpha=auto in $auto.
compare() {
  local name=$1 steps=$2 rates=$3 setting settings title optimizer rest
  mkdir -p "$work/$name"
  cd "$work/$name"
  if part fixed; then
    sweep "${decay[@]}" --optimizer spectral-newton --grid alpha=0.8,1.2,1.4,1.6 --grid "lr=$rates" --out fixed
  fi
  if part types && [ "$name" != autoencoder ]; then # which has dense layers alone, of which nothing is said
    python3 "$here/alpha.py" . types "$name" "$rates" "$steps"
    sweep --grid "optimizer=types-${rates//,/.json,types-}.json" --out types
  fi
  if part auto; then
    sweep "${decay[@]}" "${auto[@]}" --optimizer spectral-newton --set alpha=auto --grid "lr=$rates" --out auto
  fi
  part final || return 0
  python3 "$here/alpha.py" . best >best.txt
  while read -r title optimizer rest; do
    settings=()
    for setting in $rest; do settings+=(--set "$setting"); done
    [[ $optimizer == *.json ]] || settings=("${decay[@]}" "${settings[@]}")
    [ "$title" != auto ] || settings+=(--set alpha=auto "${auto[@]}")
    sweep "${settings[@]}" --grid optimizer="$optimizer" --seeds 3 --seed 101 --out "final-$title"
  done <best.txt
  {
    echo "\$ symo train ${task[*]} ${run[*]} ${decay[*]} --optimizer spectral-newton"
    echo "alpha=auto: ${auto[*]}"
    echo
    python3 "$here/alpha.py" . tables
  } >"$work/$name.txt"
}

names=("$@")
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }
auto=()
if wanted autoencoder; then
  task=(autoencoder --net 784-256-64-16 --data mnist)
  run=(--steps 300 --eval-every 1000000 --checkpoint-every 0 --threads 1)
  decay=(--set 'rules.*.schedule=linear' --set 'rules.*.total_steps=300')
  compare autoencoder 300 0.003,0.006,0.012
fi
if wanted gpt; then # a warm-up and a cosine, clipping and decay are the task's, and the rate of what adamw does
  task=(gpt --n-layer 2 --n-head 4 --n-embd 64 --block-size 64)
  run=(--steps 300 --eval-every 1000000 --eval-iters 50 --checkpoint-every 0 --threads 1)
  decay=(--warmup-iters 30 --lr-decay-iters 300)
  compare gpt 300 0.004,0.008,0.016
fi
if wanted conv; then
  task=(classifier --data fashion-mnist --net conv:28x28x1-c8k3-m2-c16k3-m2-10 --act relu --train 20000 --test 5000)
  run=(--steps 400 --eval-every 1000000 --checkpoint-every 0 --threads 1)
  decay=(--set 'rules.*.schedule=cosine' --set 'rules.*.total_steps=400')
  compare conv 400 0.004,0.008,0.016
fi
cd "$work"
cat ./*.txt >"$results/alpha.txt"
