#!/usr/bin/env bash
# Optimizers on the deep autoencoder of MNIST, 784-256-64-16 and its mirror image, batches of 512, 300
# steps, rates falling linearly to 0, float32, one thread: rates chosen by one seed, then three other
# seeds.  Needs MNIST in $SYMO_DATA/mnist.  Writes autoencoder/output.txt and curves.png beside
# itself; some 15 minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
symo=${SYMO:-$here/../../build/symo}
work=${WORK:-$(mktemp -d)}
all=(--data "${SYMO_DATA:?}/mnist" --steps 300 --threads 1 --checkpoint-every 0
  --set 'rules.*.schedule=linear' --set 'rules.*.total_steps=300')
# The momentum's own covariance and no memory, the root anew in every step, tensors at rms 1.
stateless=(--set source=momentum --set beta2=0 --set momentum=0.95 --set nesterov=true
  --set scale=unit-rms --set mean=false)
one() { # NAME "TUNING GRID" "BEST" OPTIONS..
  local name=$1 grid=$2 best=$3
  shift 3
  echo "\$ symo sweep autoencoder $* --grid $grid   (seed 11), then $best (seeds 21 to 23)"
  "$symo" sweep autoencoder "${all[@]}" "$@" --eval-every 50 --seed 11 --grid "$grid" \
    --out "$work/tune-$name" 2>/dev/null
  "$symo" sweep autoencoder "${all[@]}" "$@" --eval-every 25 --seed 21 --seeds 3 --grid "$best" \
    --out "$work/$name" 2>/dev/null
}
mkdir -p "$here/autoencoder"
{
  one adamw lr=0.0005,0.001,0.002,0.005,0.01 lr=0.002 --optimizer adamw
  one sgd lr=0.001,0.003 lr=0.003 --optimizer sgd --set momentum=0.9
  one muon rules.0.lr=0.01,0.03,0.05,0.1,0.2 rules.0.lr=0.1 --optimizer muon --set rules.1.lr=0.003
  one symo lr=0.003,0.006,0.012 lr=0.003 --optimizer symo "${stateless[@]}"
  one symo-alternate lr=0.003,0.006 lr=0.003 --optimizer symo "${stateless[@]}" --set groups=alternate
  one symo-bd lr=0.003,0.006 lr=0.003 --optimizer symo-bd "${stateless[@]}" --set groups=alternate
  python3 "$here/autoencoder.py" "$work" adamw sgd muon symo symo-alternate symo-bd
} >"$here/autoencoder/output.txt"
