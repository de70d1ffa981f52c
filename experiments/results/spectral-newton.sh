#!/usr/bin/env bash
# Makes docs/results/spectral-newton: ./experiments/results/spectral-newton.sh
# Spectral Newton beside symo, muon and adamw on a convolutional classifier of Fashion-MNIST: eight points for
# each, exponents by sweep and as measured, three fresh seeds of what was best.  Half an hour of one core.  Needs
# Fashion-MNIST in $SYMO_DATA and python3.  SYMO: the command; WORK: a folder to keep the runs in.
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
cd "$work"

net=(classifier --data fashion-mnist --net conv:28x28x1-c8k3-m2-c16k3-m2-10 --act relu --train 20000 --test 5000)
run=(--steps 400 --eval-every 1000000 --checkpoint-every 0 --threads 1)
decay=(--set schedule=cosine --set total_steps=400 --set min_lr=0)
decay_all=("${decay[@]/#schedule/rules.*.schedule}")
decay_all=("${decay_all[@]/#total_steps/rules.*.total_steps}")
decay_all=("${decay_all[@]/#min_lr/rules.*.min_lr}")

sweep() { "$symo" sweep "${net[@]}" "${run[@]}" "$@" >/dev/null 2>sweep.log || { cat sweep.log >&2; exit 1; }; }

# Eight points each, seed 1.
doubled=0.0005,0.001,0.002,0.004,0.008,0.016,0.032,0.064
sweep "${decay[@]}" --grid optimizer=adamw,muon,symo,spectral-newton --grid adamw:lr=$doubled --grid symo:lr=$doubled \
  --grid muon:lr=0.005,0.01,0.02,0.04,0.08,0.16,0.32,0.64 --grid spectral-newton:lr=0.002,0.004,0.008,0.016 \
  --grid spectral-newton:alpha=1.4,2 --out tune

# The exponent by sweep.
sweep "${decay[@]}" --optimizer spectral-newton --grid alpha=0.6,0.8,1,1.2,1.4,1.7,2 --grid lr=0.004,0.008,0.016 --out alphas

# Exponents as measured, after fifty steps with one for all.
if [ ! -s measured.json ]; then
  "$symo" train "${net[@]}" --steps 50 --optimizer spectral-newton --lr 0.008 --threads 1 --out early --overwrite \
    >/dev/null 2>early.log
  "$symo" spectrum --exponents --checkpoint early/checkpoint.safetensors --examples 200 --eigenvalues 0 --no-plots \
    --out exponents --rules measured.json >/dev/null
fi
sweep "${decay_all[@]}" --optimizer measured.json --grid 'rules.*.lr=0.004,0.008,0.016' --out measured

# Fresh seeds of the best points.
python3 "$here/spectral-newton.py" . best | while read -r name optimizer rest; do
  if [ "$optimizer" = measured.json ]; then end=("${decay_all[@]}"); else end=("${decay[@]}"); fi
  read -ra settings <<<"$rest"
  sweep "${end[@]}" "${settings[@]/#/--set=}" --grid optimizer="$optimizer" --seeds 3 --seed 101 --out "final-$name"
done
{
  echo "\$ symo train ${net[*]} ${run[*]} ${decay[*]}"
  echo
  python3 "$here/spectral-newton.py" . tables
} >"$results/output.txt"
