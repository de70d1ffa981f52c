#!/usr/bin/env bash
# Makes docs/results/spectral-newton: ./experiments/results/spectral-newton.sh [conv] [gpt]
# Spectral Newton beside symo, muon and adamw on a convolutional classifier of Fashion-MNIST and on a small language
# model: as many points for each, exponents by sweep and as measured, three fresh seeds of what was best.  An hour of
# one core.  Needs Fashion-MNIST and tinyshakespeare.txt in $SYMO_DATA, and python3.  SYMO: the command; WORK: a folder
# to keep the runs in.
set -euo pipefail
symo=${SYMO:-$(dirname "$0")/../../build/symo}
[ -x "$symo" ] || { echo "no $symo (run make first)"; exit 1; }
symo=$(cd "$(dirname "$symo")" && pwd)/$(basename "$symo")
here=$(cd "$(dirname "$0")" && pwd)
results=$here/../../docs/results/spectral-newton
work=${WORK:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work" "$results"
results=$(cd "$results" && pwd)
sweep() { "$symo" sweep "${task[@]}" "${run[@]}" "$@" >/dev/null 2>sweep.log || { cat sweep.log >&2; exit 1; }; }

# NAME EARLY EXAMPLES: the task in $task and $run, the schedule in $decay (of the early steps: $warm), that of files of rules in $rules, rates in
# $adamw, $symo_rates, $muon and $own (spectral-newton, with the exponents $two), $few for a sweep of $exponents.
compare() {
  local name=$1 early=$2 examples=$3 setting settings title optimizer rest
  mkdir -p "$work/$name"
  cd "$work/$name"
  sweep "${decay[@]}" --grid optimizer=adamw,muon,symo,spectral-newton --grid "adamw:lr=$adamw" --grid "symo:lr=$symo_rates" \
    --grid "muon:lr=$muon" --grid "spectral-newton:lr=$own" --grid "spectral-newton:alpha=$two" --out tune
  sweep "${decay[@]}" --optimizer spectral-newton --grid "alpha=$exponents" --grid "lr=$few" --out alphas
  if [ ! -s measured.json ]; then # after $early steps with one exponent for all
    "$symo" train "${task[@]}" "${warm[@]}" --steps "$early" --optimizer spectral-newton --lr 0.008 --threads 1 --out early \
      --overwrite >/dev/null 2>early.log
    "$symo" spectrum --exponents --checkpoint early/checkpoint.safetensors --examples "$examples" --eigenvalues 0 \
      --directions 32 --no-plots --out exponents --rules measured.json >/dev/null
  fi
  python3 "$here/spectral-newton.py" . rules "$few" "${rules[@]}"
  sweep --grid "optimizer=measured-${few//,/.json,measured-}.json" --out measured
  python3 "$here/spectral-newton.py" . best >best.txt
  while read -r title optimizer rest; do
    settings=()
    for setting in $rest; do settings+=(--set "$setting"); done
    [[ $optimizer == *.json ]] || settings=("${decay[@]}" "${settings[@]}")
    sweep "${settings[@]}" --grid optimizer="$optimizer" --seeds 3 --seed 101 --out "final-$title"
  done <best.txt
  {
    echo "\$ symo train ${task[*]} ${run[*]} ${decay[*]}"
    echo
    python3 "$here/spectral-newton.py" . tables
  } >"$results/$name.txt"
}

names=("$@")
wanted() { [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]; }
doubled=0.0005,0.001,0.002,0.004,0.008,0.016,0.032,0.064
if wanted conv; then
  task=(classifier --data fashion-mnist --net conv:28x28x1-c8k3-m2-c16k3-m2-10 --act relu --train 20000 --test 5000)
  run=(--steps 400 --eval-every 1000000 --checkpoint-every 0 --threads 1)
  decay=(--set schedule=cosine --set total_steps=400 --set min_lr=0) warm=()
  rules=(schedule=cosine total_steps=400 min_lr=0)
  adamw=$doubled symo_rates=$doubled muon=0.005,0.01,0.02,0.04,0.08,0.16,0.32,0.64 own=0.002,0.004,0.008,0.016 two=1.4,2
  few=0.004,0.008,0.016 exponents=0.6,0.8,1,1.2,1.4,1.7,2
  compare conv 50 200
fi
if wanted gpt; then # a warm-up and a cosine, clipping and decay are the task's, and the rate of what adamw does
  task=(gpt --n-layer 2 --n-head 4 --n-embd 64 --block-size 64)
  run=(--steps 300 --eval-every 1000000 --eval-iters 50 --checkpoint-every 0 --threads 1)
  decay=(--warmup-iters 30 --lr-decay-iters 300) warm=(--warmup-iters 30)
  rules=(adamw.lr=0.001 adamw.beta2=0.99 schedule=cosine total_steps=300 warmup_steps=30 min_lr=lr/10 clip_norm=1
    weight_decay=0.1)
  adamw=0.001,0.002,0.004,0.008,0.016,0.032 symo_rates=0.001,0.002,0.004,0.008,0.016,0.032
  muon=0.005,0.01,0.02,0.04,0.08,0.16 own=0.004,0.008,0.016 two=1,1.4
  few=0.004,0.008,0.016 exponents=0.8,1.2,1.6
  compare gpt 50 8
fi
